package proxy

import (
	"sync/atomic"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// shares divides requests among groups by their weights. It goes around evenly rather than by chance: of a hundred requests
// in a row, a group with 5 % gets five.
type shares struct {
	groups []balancer.Weighted
	total  uint64
	next   *atomic.Uint32
}

func newShares(groups []balancer.Weighted) shares {
	s := shares{groups: groups, next: new(atomic.Uint32)}
	for _, g := range groups {
		s.total += uint64(max(g.Weight, 0))
	}
	return s
}

// choose gives the ARN of the next group; "" when no group has a weight.
func (s *shares) choose() string {
	if s.total == 0 {
		return ""
	}
	if len(s.groups) == 1 {
		return s.groups[0].Group
	}
	// Multiples of the golden ratio, taken by their fraction, fill any interval evenly from the first on.
	fraction := uint64(s.next.Add(1) * 2654435769)
	at := fraction * s.total >> 32
	for _, g := range s.groups {
		weight := uint64(max(g.Weight, 0))
		if at < weight {
			return g.Group
		}
		at -= weight
	}
	return ""
}

// has is whether the group may be given requests: it is there with a weight.
func (s *shares) has(group string) bool {
	for _, g := range s.groups {
		if g.Group == group {
			return g.Weight > 0
		}
	}
	return false
}
