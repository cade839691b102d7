package placement

import "strconv"

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

// Awaits tells whether fewer than n tasks find room now, and more may if an agent comes: one that is away, or the first one of all.
func (l *Ledger) Awaits(r Request, n int) bool {
	a, hope, none := l.ask(&r), false, r.Instance == ""
	a.lenient = true
	for _, c := range l.candidates(&r) {
		if c.Connected && !none {
			continue // nothing is hoped of it
		}
		o, _ := a.check(c)
		none = none && o == Foreign
		if hope = o == None && !c.Connected; hope {
			break
		}
	}
	return none || hope && l.room(r, n) < n
}

// room is for how many of n tasks there is room now.
func (l *Ledger) room(r Request, n int) int {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = "room for " + strconv.Itoa(i)
	}
	placed := l.Place(r, ids)
	for _, p := range placed {
		l.Drop(p.Task)
	}
	return len(placed)
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
