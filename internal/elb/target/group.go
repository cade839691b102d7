package target

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// Dialer reaches targets. A balancer.Ground is one.
type Dialer interface {
	Dial(ctx context.Context, network, vpc string, from netip.Addr, to netip.AddrPort) (net.Conn, error)
	DialInstance(ctx context.Context, network, instance string, port uint16) (net.Conn, error)
}

// Config is what all groups of one machine share.
type Config struct {
	Dialer Dialer
	// Fast ends draining as soon as a target has nothing open, where AWS waits the whole deregistration delay.
	Fast bool
	// Changed, unless nil, is called after the health of a target of the group changed or a target has drained. It must not
	// wait for the group.
	Changed func(group string)
}

// Group is one live target group. Its methods may be called at any time, by many.
type Group struct {
	config Config
	ctx    context.Context
	cancel context.CancelFunc
	checks sync.WaitGroup // under way

	spec    atomic.Pointer[balancer.Group]
	choices atomic.Pointer[choices]

	// mu is held while the group changes, never while anything is waited for.
	mu      sync.Mutex
	used    []balancer.Address // of the load balancers that forward to it
	targets map[balancer.TargetKey]*Target
	order   []*Target // as the description has them
	changes int       // counts calls of Set and Use
	closed  bool
}

// New makes a group of its description. Nothing is sent to its targets before Use says which load balancers do.
func New(config Config, spec *balancer.Group) *Group {
	g := &Group{config: config, targets: map[balancer.TargetKey]*Target{}}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.Set(spec)
	return g
}

// Spec is what was set last.
func (g *Group) Spec() *balancer.Group { return g.spec.Load() }

// Set makes the group be as described: targets that are new in it are registered, those with a time in DrainingSince drain,
// and those that it leaves out are gone.
func (g *Group) Set(spec *balancer.Group) {
	g.change(func() {
		before := g.spec.Swap(spec)
		left := maps.Clone(g.targets)
		g.order = make([]*Target, 0, len(spec.Targets))
		for _, s := range spec.Targets {
			key := s.Key()
			delete(left, key)
			t := g.targets[key]
			if t != nil && t.draining() && s.DrainingSince.IsZero() { // registered again
				t.replace()
				t = nil
			}
			if t == nil {
				t = newTarget(g, s)
				g.targets[key] = t
			}
			g.order = append(g.order, t)
			t.set(s)
			if before != nil && before.Check != spec.Check {
				t.reschedule()
			}
		}
		for key, t := range left {
			t.remove()
			delete(g.targets, key)
		}
	})
}

// Use says where the load balancers stand whose listeners forward to the group. With none, all its targets are unused.
func (g *Group) Use(by []balancer.Address) {
	g.change(func() {
		g.used = slices.Clone(by)
		for _, t := range g.targets {
			t.use()
		}
	})
}

// change does what is given to an open group, and rings the bell when anybody's health is another then.
func (g *Group) change(do func()) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return
	}
	before := g.reports()
	g.changes++
	do()
	g.choices.Store(nil)
	changed := !maps.Equal(before, g.reports())
	g.mu.Unlock()
	if changed {
		g.tell()
	}
}

// reports are what there is to tell of each target. Under mu.
func (g *Group) reports() map[balancer.TargetKey]report {
	all := make(map[balancer.TargetKey]report, len(g.targets))
	for key, t := range g.targets {
		all[key] = t.report()
	}
	return all
}

// Health is that of every target which is registered or draining.
func (g *Group) Health() map[balancer.TargetKey]balancer.Health {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make(map[balancer.TargetKey]balancer.Health, len(g.targets))
	for key, t := range g.targets {
		r := t.report()
		all[key] = balancer.Health{State: r.state, Reason: r.reason, Description: r.description, Connections: t.Open()}
	}
	return all
}

// Drained is whether nothing keeps a deregistered target any more; true of one that the group does not know.
func (g *Group) Drained(key balancer.TargetKey) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.targets[key]
	return t == nil || t.drained
}

// Close ends the group: it has no targets any more, what is open to them is cut, and no check is under way once it returns.
func (g *Group) Close() {
	g.mu.Lock()
	g.closed = true
	for key, t := range g.targets {
		t.remove()
		t.sever()
		delete(g.targets, key)
	}
	g.order = nil
	g.choices.Store(nil)
	g.mu.Unlock()
	g.cancel()
	g.checks.Wait()
}

// tell rings the bell.
func (g *Group) tell() {
	if g.config.Changed != nil {
		g.config.Changed(g.spec.Load().ARN)
	}
}

// remaining is how much is left of a span of wall time that began then, never more than all of it however the clock jumped.
func remaining(then time.Time, span time.Duration) time.Duration {
	return min(max(time.Until(then.Add(span)), 0), span)
}
