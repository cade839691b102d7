package target

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// choices are the targets that may be chosen now, so that choosing takes no lock. They are made anew by the first who picks
// after a change.
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
	byKey   func() map[balancer.TargetKey]*Target // made when a sticky client asks first
	healthy bool                                  // they are; otherwise there is no better one
	next    atomic.Uint64
	slow    time.Duration // of a slow start that some of them are in; 0: none is
}

// current are the choices as of the last change that is over.
func (g *Group) current() *choices {
	if c := g.choices.Load(); c != nil {
		return c
	}
	return g.latest()
}

// latest are the choices as of the change that is being made now, when there is one.
func (g *Group) latest() *choices {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.choices.Load()
	if c == nil {
		c = g.choose()
		g.choices.Store(c)
	}
	return c
}

// choose makes the choices. Under the group's mu.
func (g *Group) choose() *choices {
	spec := g.Spec()
	c := &choices{
		algorithm: spec.Algorithm, stickiness: spec.Stickiness, crossZone: spec.CrossZone,
		all: newRing(g.order, "", spec.SlowStart), zones: map[string]*ring{},
	}
	for _, at := range g.used {
		if c.zones[at.Zone] == nil {
			c.zones[at.Zone] = newRing(g.order, at.Zone, spec.SlowStart)
		}
	}
	return c
}

// failsOpen is whether requests go to unhealthy targets for want of a healthy one. Under the group's mu.
func (g *Group) failsOpen() bool {
	return !slices.ContainsFunc(g.order, func(t *Target) bool { return t.used && !t.left.Load() && t.verdict.routable() })
}

// newRing is of the healthy targets in a zone ("": in any) or, when none is healthy, of all that don't drain.
func newRing(order []*Target, zone string, slow time.Duration) *ring {
	var healthy, open []*Target
	for _, t := range order {
		switch {
		case !t.used || t.left.Load() || zone != "" && t.zone != zone && t.zone != "all":
		case t.verdict.routable():
			healthy = append(healthy, t)
		default:
			open = append(open, t)
		}
	}
	r := &ring{targets: healthy, healthy: len(healthy) > 0}
	if !r.healthy {
		r.targets = open
	}
	for _, t := range r.targets {
		if t.slow.Load() != nil {
			r.slow = slow
		}
	}
	r.byKey = sync.OnceValue(func() map[balancer.TargetKey]*Target {
		byKey := make(map[balancer.TargetKey]*Target, len(r.targets))
		for _, t := range r.targets {
			byKey[t.key] = t
		}
		return byKey
	})
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
		if t := r.byKey()[want.Sticky]; t != nil && t != want.Avoid {
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

// ring is the set of targets from which a node in the zone takes. Where AWS takes a zone without a healthy target out of DNS, so
// that clients go to the others, a node in such a zone takes the others' targets.
func (c *choices) ring(want Want) *ring {
	crosses := c.crossZone == "true" || c.crossZone != "false" && want.CrossZone
	mine := c.zones[want.Zone]
	if crosses || mine == nil || !mine.healthy && c.all.healthy || len(mine.targets) == 0 {
		return c.all
	}
	return mine
}
