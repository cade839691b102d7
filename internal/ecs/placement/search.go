package placement

import "slices"

// search looks for instances for the tasks of a request, one after the other.
type search struct {
	*ask
	ledger     *Ledger
	candidates []*member
	orders     []order // by its strategies
	// fit tells which candidates fit. It is there once all have been looked at.
	fit []bool
	// best are the positions of the candidates that fit and that no other is better than, in their order; empty: not known.
	best []int32
}

func (l *Ledger) search(r *Request) *search {
	s := &search{ask: l.ask(r), ledger: l, candidates: l.candidates(r)}
	s.orders = s.order()
	return s
}

// tries is how many candidates are drawn before all of them are looked at.
const tries = 16

// next is one of the best candidates that fit, nil when none does.
func (s *search) next(seed uint64) *member {
	if len(s.candidates) == 0 {
		return nil
	}
	if len(s.orders) == 0 {
		// Where any is as good as the other it takes a few draws, unless hardly one fits.
		for try := range uint64(tries) {
			if c := s.candidates[draw(seed, try, len(s.candidates))]; s.fits(c) {
				return c
			}
		}
	}
	if len(s.best) == 0 {
		s.look()
	}
	if len(s.best) == 0 {
		return nil
	}
	return s.candidates[s.best[draw(seed, tries, len(s.best))]]
}

// look finds the best candidates among all.
func (s *search) look() {
	if s.fit == nil {
		s.fit, s.best = s.ledger.scratch.look(len(s.candidates))
		for i, c := range s.candidates {
			s.fit[i] = s.fits(c)
		}
	}
	s.best = s.best[:0]
	for i, fits := range s.fit {
		if fits {
			s.rate(i)
		}
	}
}

// rate puts a candidate that fits among the best, or in their place, if it is as good or better.
func (s *search) rate(at int) {
	d := 0
	if len(s.best) > 0 {
		d = s.compare(at, int(s.best[0]))
	}
	switch {
	case d < 0:
		s.best = append(s.best[:0], int32(at))
	case d == 0:
		place := len(s.best)
		if place > 0 && s.best[place-1] > int32(at) {
			place, _ = slices.BinarySearch(s.best, int32(at))
		}
		s.best = slices.Insert(s.best, place, int32(at))
	}
}

// took notes that a task was put on a candidate. What changes is what can be said of its machine, and the counts that
// candidates share with it, which are worse now: those that are left of the best are the best still.
func (s *search) took(chosen *member) {
	s.group = s.ledger.groups[s.Group]
	if s.orders == nil && s.fit == nil {
		return
	}
	var changed []int
	for _, c := range chosen.machine.members {
		if at, ok := s.position(c); ok {
			changed = append(changed, at)
			for i := range s.orders {
				s.orders[i].update(s, at, c == chosen)
			}
		}
	}
	s.worsen(chosen)
	for _, at := range changed {
		if place, ok := slices.BinarySearch(s.best, int32(at)); ok {
			s.best = slices.Delete(s.best, place, place+1)
		}
	}
	for _, at := range changed {
		s.fit[at] = s.fits(s.candidates[at])
		if s.fit[at] && len(s.best) > 0 {
			s.rate(at)
		}
	}
}

// worsen takes those off the best that share a count with a candidate.
func (s *search) worsen(with *member) {
	at, _ := s.position(with)
	for i := range s.orders {
		slots := s.orders[i].slots
		if slots == nil {
			continue
		}
		kept, worse := s.best[:0], slots[at]
		for _, b := range s.best {
			if slots[b] != worse {
				kept = append(kept, b)
			}
		}
		s.best = kept
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
