package target

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// choices are the targets that may be chosen now. They are made anew whenever that changes, so that choosing takes no lock.
type choices struct {
	algorithm  string
	stickiness balancer.Stickiness
	crossZone  string
	all        *ring
	zones      map[string]*ring // within a zone, for groups that don't cross zones
}

// ring is a set of targets among which a choice is made.
type ring struct {
	targets []*Target
	byKey   map[balancer.TargetKey]*Target
	next    atomic.Uint64
	slow    time.Duration // of a slow start that some of them are in; 0: none is
}

// choose makes the choices anew. Under the group's mu.
func (g *Group) choose() {
	spec := g.Spec()
	order := g.order()
	c := &choices{
		algorithm: spec.Algorithm, stickiness: spec.Stickiness, crossZone: spec.CrossZone,
		all: newRing(order, "", spec.SlowStart), zones: map[string]*ring{},
	}
	for _, at := range g.used {
		if c.zones[at.Zone] == nil {
			c.zones[at.Zone] = newRing(order, at.Zone, spec.SlowStart)
		}
	}
	g.choices.Store(c)
}

// failsOpen is whether requests go to the target for want of a healthy one. Under the group's mu.
func (g *Group) failsOpen(t *Target) bool {
	return g.choices.Load().all.byKey[t.key] == t && !t.verdict.routable()
}

// newRing is of the healthy targets in a zone ("": in any) or, when none is healthy, of all that don't drain.
func newRing(order []*Target, zone string, slow time.Duration) *ring {
	r := &ring{byKey: map[balancer.TargetKey]*Target{}}
	var healthy, open []*Target
	for _, t := range order {
		if !t.used || t.left.Load() || zone != "" && t.zone != zone && t.zone != "all" {
			continue
		}
		open = append(open, t)
		if t.verdict.routable() {
			healthy = append(healthy, t)
		}
	}
	r.targets = healthy
	if len(healthy) == 0 {
		r.targets = open
	}
	for _, t := range r.targets {
		r.byKey[t.key] = t
		if t.slow.Load() != nil {
			r.slow = slow
		}
	}
	r.next.Store(rand.Uint64N(uint64(max(len(r.targets), 1))))
	return r
}

// pick chooses a target; nil when there is none.
func (c *choices) pick(want Want) *Target {
	r := c.ring(want)
	switch {
	case len(r.targets) == 0:
		return nil
	case len(r.targets) == 1:
		return r.targets[0]
	}
	if c.stickiness.Kind == sourceIP && want.Source.IsValid() {
		return r.bySource(want.Source, want.Avoid)
	}
	if c.stickiness.Kind != "" && want.Sticky != (balancer.TargetKey{}) {
		if t := r.byKey[want.Sticky]; t != nil && t != want.Avoid {
			return t
		}
	}
	for {
		if t := r.choose(c.algorithm); t != want.Avoid {
			return t
		}
		if t := r.random(); t != want.Avoid {
			return t
		}
	}
}

// ring is the set of targets from which a node in the zone may take.
func (c *choices) ring(want Want) *ring {
	crosses := c.crossZone == "true" || c.crossZone != "false" && want.CrossZone
	if crosses || want.Zone == "" {
		return c.all
	}
	if r := c.zones[want.Zone]; r != nil {
		return r
	}
	return c.all
}
