package placement

// Provider is a capacity provider of a strategy.
type Provider struct {
	Base    int // tasks that it has before any other gets one
	Weight  int // its part of the tasks beyond all bases; 0: none
	Present int // tasks that it has already
}

// Distribute says how many of count further tasks each provider takes: what its base lacks first, then as its weight is to
// the others'. Tasks that no provider takes, for want of weights, are in no figure.
func Distribute(providers []Provider, count int) []int {
	taken := make([]int, len(providers))
	for range count {
		next := -1
		for i, p := range providers {
			if p.Present+taken[i] < p.Base {
				next = i
				break
			}
			if p.Weight > 0 && (next < 0 || before(p, taken[i], providers[next], taken[next])) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		taken[next]++
	}
	return taken
}

// before tells whether p is further behind its part than q, each with what it has taken by now. Of two that are equally far
// the heavier goes first, and of two that are equally heavy the earlier.
func before(p Provider, taken int, q Provider, takenByQ int) bool {
	share := (max(0, p.Present+taken-p.Base)) * q.Weight
	other := (max(0, q.Present+takenByQ-q.Base)) * p.Weight
	if share != other {
		return share < other
	}
	return p.Weight > q.Weight
}
