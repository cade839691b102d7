package target

import (
	"time"
)

// drain begins the target's deregistration, or goes on with it. Under the group's mu.
func (t *Target) drain(since time.Time) {
	left := remaining(since, t.group.Spec().Delay)
	switch {
	case t.drained:
	case t.draining():
		t.delay.Reset(left) // the delay may have been changed meanwhile
	default:
		t.since = since
		t.leave()
		t.delay = time.AfterFunc(left, func() { t.group.delayed(t) })
		t.drained = t.group.config.Fast && t.open.Load() == 0
	}
}

// draining is whether the target is deregistered. Under the group's mu.
func (t *Target) draining() bool { return !t.since.IsZero() }

// delayed is called when the deregistration delay of a target is over. What an application load balancer has open is cut then;
// a network load balancer's connections live on unless the group says otherwise.
func (g *Group) delayed(t *Target) {
	spec := g.Spec()
	g.mu.Lock()
	t.drained = true
	if spec.Terminate || !network(spec) {
		t.sever()
	}
	g.mu.Unlock()
	g.tell()
}

// ended is called when the last request or connection of a target that takes nothing new is over.
func (g *Group) ended(t *Target) {
	if !g.config.Fast {
		return
	}
	g.mu.Lock()
	rings := t.draining() && !t.drained && g.targets[t.key] == t
	if rings {
		t.drained = true
		t.delay.Stop()
	}
	g.mu.Unlock()
	if rings {
		g.tell()
	}
}
