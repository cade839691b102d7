package placement

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
