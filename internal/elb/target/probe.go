package target

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// probe checks one target again and again, the first time at once. Between checks it is nothing but a timer.
type probe struct {
	ctx    context.Context
	cancel context.CancelFunc
	timer  *time.Timer
	past   bool // the first check is over
	busy   bool // one is under way
}

// startProbe begins to check the target. Under the group's mu.
func (t *Target) startProbe() {
	p := &probe{}
	p.ctx, p.cancel = context.WithCancel(t.group.ctx)
	t.probe = p
	p.timer = time.AfterFunc(0, func() { t.group.probe(t, p) })
}

// reschedule makes the next check come in what is an interval now. Under the group's mu.
func (t *Target) reschedule() {
	if p := t.probe; p != nil && p.past && !p.busy {
		p.timer.Reset(rand.N(t.group.Spec().Check.Interval + 1))
	}
}

// unprobe ends the checks; the result of one under way is dropped. Under the group's mu.
func (t *Target) unprobe() {
	if t.probe != nil {
		t.probe.timer.Stop()
		t.probe.cancel()
		t.probe = nil
	}
}

// probe makes one check, takes its result into account, and sets the time of the next.
func (g *Group) probe(t *Target, p *probe) {
	g.mu.Lock()
	if t.probe != p {
		g.mu.Unlock()
		return
	}
	p.busy = true
	g.checks.Add(1)
	g.mu.Unlock()
	defer g.checks.Done()

	began, spec := time.Now(), g.Spec()
	ctx, cancel := context.WithTimeout(p.ctx, spec.Check.Timeout)
	r := t.check(ctx, spec)
	cancel()

	g.mu.Lock()
	changed := t.probe == p && g.learn(t, r, spec.Check)
	if p.busy = false; t.probe == p {
		p.timer.Reset(p.wait(g.Spec().Check.Interval) - time.Since(began))
	}
	g.mu.Unlock()
	if changed {
		g.tell()
	}
}

// wait is from one check to the next. That after the first varies, so that targets which came together are not checked together.
func (p *probe) wait(interval time.Duration) time.Duration {
	if p.past {
		return interval
	}
	p.past = true
	return interval/2 + rand.N(interval/2+1)
}

// learn takes a result into account and tells whether the target's health changed. Under the group's mu.
func (g *Group) learn(t *Target, r result, check balancer.Check) bool {
	was := t.verdict.state
	changed := t.verdict.judge(r, check)
	if t.verdict.state != was {
		t.cool()
		if t.verdict.state == healthy {
			t.warm(was)
		}
		g.choices.Store(nil)
		if t.verdict.state == unhealthy && network(g.Spec()) && !g.failsOpen() {
			t.sever()
		}
	}
	return changed
}
