package placement

import "math/rand/v2"

// Placed is where a task is to run.
type Placed struct {
	Task     string
	Instance Instance
	GPUs     []string // ids of those that it gets
}

// Place holds room for tasks, one after the other, until one finds none: those before it are placed then. Placing several
// at once chooses as placing them one by one does, with one number after the other as the seed.
func (l *Ledger) Place(r Request, tasks []string) []Placed {
	s := l.search(&r)
	placed := make([]Placed, 0, len(tasks))
	for n, id := range tasks {
		c := s.next(r.Seed + uint64(n))
		if c == nil {
			break
		}
		p := Placed{Task: id, Instance: c.Instance, GPUs: r.pick(c)}
		l.Hold(Task{ID: id, Instance: c.ID, Machine: c.machine.name, Group: r.Group, Demand: r.Demand, GPUs: p.GPUs})
		s.took(c)
		placed = append(placed, p)
	}
	return placed
}

// pick chooses the GPUs for a task that fits.
func (r *Request) pick(c *member) []string {
	if r.GPUs == 0 {
		return nil
	}
	free := c.freeGPUs()
	if r.GPUs == AllGPUs {
		return free
	}
	return free[:r.GPUs]
}

// Awaits tells whether a request fits nowhere now, and may if an agent comes: one that is away, or the first one of all.
func (l *Ledger) Awaits(r Request) bool {
	a, candidates := l.ask(&r), l.candidates(&r)
	hope := len(candidates) == 0
	for _, c := range candidates {
		o, _ := a.check(c)
		if o == None {
			return false
		}
		if o == Agent && !hope {
			a.lenient = true
			hope = a.fits(c)
			a.lenient = false
		}
	}
	return hope
}

// candidates are the instances that a request names.
func (l *Ledger) candidates(r *Request) []*member {
	p := l.pools[r.Pool]
	if p == nil {
		return nil
	}
	if r.Instance == "" {
		return p.members
	}
	at, ok := p.find(r.Instance)
	if !ok {
		return nil
	}
	return p.members[at : at+1]
}

// search looks for instances for the tasks of a request, one after the other.
type search struct {
	*ask
	ledger     *Ledger
	candidates []*member
	orders     []order // by its strategies
	// fit tells which candidates fit. It is there once all have been looked at.
	fit []bool
}

func (l *Ledger) search(r *Request) *search {
	s := &search{ask: l.ask(r), ledger: l, candidates: l.candidates(r)}
	if s.orders = s.order(); len(s.orders) > 0 {
		s.look()
	}
	return s
}

// look finds out which candidates fit.
func (s *search) look() {
	s.fit = s.ledger.scratch.fit(len(s.candidates))
	for i, c := range s.candidates {
		s.fit[i] = s.fits(c)
	}
}

// tries is how many candidates are drawn before all of them are looked at.
const tries = 16

// next is the best of the candidates that fit, nil when none does.
func (s *search) next(seed uint64) *member {
	if len(s.orders) == 0 && len(s.candidates) > 0 {
		if s.fit == nil {
			// Where any is as good as the other it takes a few draws, unless hardly one fits.
			random := rand.NewPCG(seed, 0)
			for range tries {
				c := s.candidates[random.Uint64()%uint64(len(s.candidates))]
				if s.fits(c) {
					return c
				}
			}
			s.look()
		}
	}
	best, luck := -1, uint64(0)
	for i, ok := range s.fit {
		if !ok {
			continue
		}
		d := 0
		if best >= 0 {
			d = s.compare(i, best)
		}
		switch {
		case best < 0 || d < 0:
			best, luck = i, draw(seed, s.candidates[i].hash)
		case d == 0:
			if n := draw(seed, s.candidates[i].hash); n > luck {
				best, luck = i, n
			}
		}
	}
	if best < 0 {
		return nil
	}
	return s.candidates[best]
}

// took notes that a task was put on a candidate: what it changes is its machine alone.
func (s *search) took(chosen *member) {
	s.group = s.ledger.groups[s.Group]
	if s.fit == nil {
		return
	}
	for _, c := range chosen.machine.members {
		if at, ok := s.position(c); ok {
			s.fit[at] = s.fits(c)
			for i := range s.orders {
				s.orders[i].update(s, at, c == chosen)
			}
		}
	}
}

// position is where a member is among the candidates.
func (s *search) position(c *member) (int, bool) {
	if s.Instance != "" {
		return 0, c.ID == s.Instance
	}
	if c.Pool != s.Pool {
		return 0, false
	}
	return s.ledger.pools[s.Pool].find(c.ID)
}

// scratch is memory that placements use one after the other.
type scratch struct {
	answers []answer
	fits    []bool
	values  [][]int64
	slots   [][]int32
}

func (s *scratch) known(n int) []answer { return cleared(&s.answers, n) }
func (s *scratch) fit(n int) []bool     { return cleared(&s.fits, n) }

// order is memory for the i-th strategy.
func (s *scratch) order(i, n int) (values []int64, slots []int32) {
	for len(s.values) <= i {
		s.values, s.slots = append(s.values, nil), append(s.slots, nil)
	}
	return cleared(&s.values[i], n), cleared(&s.slots[i], n)
}

func cleared[T any](memory *[]T, n int) []T {
	if cap(*memory) < n {
		*memory = make([]T, n, n+n/4)
	}
	*memory = (*memory)[:n]
	clear(*memory)
	return *memory
}
