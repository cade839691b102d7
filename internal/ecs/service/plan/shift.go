package plan

import (
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// The strategies BLUE_GREEN, LINEAR and CANARY have two revisions side by side: the traffic is shifted from the one that serves to
// the target once that has all its tasks, in one step or in several, and the one that served stays until nobody wants to
// go back any more. They are one machine (stages.go) with different steps.

// All is the whole of the traffic. A share is in tenths of a percent of it.
const All = 1000

// Shift is how a deployment shifts the traffic.
type Shift struct {
	// Steps are the target's shares of the production traffic, one after the other; the last is All.
	Steps []int
	// StepBake is how long each step but the last is left as it is, and Bake how long both revisions stay after the last.
	StepBake, Bake time.Duration
	Hooks          []Hook
	Listeners      []Listener
}

// Listener is where a service's traffic comes from: the rules by which it is forwarded to the two target groups that its
// revisions take turns in.
type Listener struct {
	Group, Alternate string // ARNs of target groups
	Production, Test string // ARNs of listener rules; empty: there is none
}

// What ECS takes where the configuration says nothing.
const (
	linearStep     = 100 // tenths of a percent
	linearBake     = 6 * time.Minute
	canaryStep     = 50
	canaryStepBake = 10 * time.Minute
)

// ShiftOf is how a deployment configuration shifts the traffic; without listeners.
func ShiftOf(c *api.DeploymentConfiguration) (s Shift) {
	minutes := func(n *int32, otherwise time.Duration) time.Duration {
		if n == nil {
			return otherwise
		}
		return time.Duration(*n) * time.Minute
	}
	tenths := func(percent *float64, otherwise int) int {
		if percent == nil {
			return otherwise
		}
		return int(*percent*10 + 0.5)
	}
	s.Bake, s.Hooks = minutes(c.BakeTimeInMinutes, 0), hooksOf(c)
	switch c.Strategy {
	case api.DeploymentStrategyLinear:
		step := linearStep
		s.StepBake = linearBake
		if l := c.LinearConfiguration; l != nil {
			step, s.StepBake = tenths(l.StepPercent, linearStep), minutes(l.StepBakeTimeInMinutes, linearBake)
		}
		for share := step; step > 0 && share < All; share += step {
			s.Steps = append(s.Steps, share)
		}
	case api.DeploymentStrategyCanary:
		step := canaryStep
		s.StepBake = canaryStepBake
		if l := c.CanaryConfiguration; l != nil {
			step, s.StepBake = tenths(l.CanaryPercent, canaryStep), minutes(l.CanaryBakeTimeInMinutes, canaryStepBake)
		}
		if step < All {
			s.Steps = append(s.Steps, step)
		}
	}
	s.Steps = append(s.Steps, All)
	return s
}

// shifting scales the two revisions and shifts the traffic.
func (p *pass) shifting() {
	target, serving, d := p.primary(), p.serving(), p.s.Deployment
	switch {
	case serving == nil:
		p.give(target, All)
		p.test(target)
		p.advance(d, target, nil)
	case target.State == api.DeploymentRolloutStateFailed: // and nobody asked to go back: all stays as it is
		p.keep(serving, p.s.Desired)
		p.keep(target, p.s.Desired)
	case d == nil || d.Rollback != nil || target.State == api.DeploymentRolloutStateCompleted:
		p.back(target, serving)
	default:
		p.advance(d, target, serving)
	}
	p.forward()
}

// serving is the rollout that the deployment takes the traffic from: what has most of it when it begins, and when it is rolled
// back; nil when nothing has any but the primary one.
func (p *pass) serving() *Rollout {
	d := p.s.Deployment
	if d != nil && d.Rollback == nil && d.Source != "" {
		return p.rollout(d.Source)
	}
	var most *Rollout
	primary := p.primary()
	for i := range p.s.Rollouts {
		if r := &p.s.Rollouts[i]; !r.Primary && r.Share > 0 && (most == nil || r.Share > most.Share) {
			most = r
		}
	}
	if most == nil && primary.Share == 0 {
		most = p.deployed()
	}
	if d != nil && d.Rollback == nil && most != nil {
		d.Source = most.ID
	}
	return most
}

// deployed is what was deployed last beside the primary rollout, and takes all of the traffic: the service has had rolling
// updates until now, which know nothing of shares. Nil when there is nothing.
func (p *pass) deployed() (last *Rollout) {
	for i := range p.s.Rollouts {
		if r := &p.s.Rollouts[i]; !r.Primary && (last == nil || r.Revision == p.s.Completed) {
			last = r
		}
	}
	if last != nil {
		last.Share = All
	}
	return last
}

// needed tells whether a rollout is to have tasks although it is not primary.
func (p *pass) needed(r *Rollout) bool {
	d := p.s.Deployment
	return r.Share > 0 || d != nil && d.Rollback == nil && d.Source == r.ID && d.FinishedAt.IsZero() && d.Stage != stages[cleanUp]
}

// back returns the traffic to the primary rollout as soon as that has the tasks for it, and ends the others then: a deployment
// that is rolled back, or that another has cut off.
func (p *pass) back(target, serving *Rollout) {
	p.turn(target, serving)
	p.keep(target, p.s.Desired)
	minimum, _ := p.bounds(p.s.Desired)
	if p.healthyOf(target) < min(max(minimum, 1), p.s.Desired) || p.shared(target) {
		p.keep(serving, p.s.Desired)
		p.end(target, serving)
		p.lacking = true
		return
	}
	p.give(target, All)
	p.test(target)
	p.end(target)
}

// give has a rollout take a share of the production traffic, and the one that serves the rest.
func (p *pass) give(target *Rollout, share int) {
	serving := p.serving()
	for i := range p.s.Rollouts {
		switch r := &p.s.Rollouts[i]; r {
		case target:
			r.Share = share
		case serving:
			r.Share = All - share
		default:
			r.Share = 0
		}
	}
}

// test has a rollout take the test traffic.
func (p *pass) test(target *Rollout) {
	for i := range p.s.Rollouts {
		r := &p.s.Rollouts[i]
		r.Test = r == target
	}
}

// turn chooses the target groups of a rollout that has no tasks yet: those in which the one that serves is not.
func (p *pass) turn(target, serving *Rollout) {
	if serving != nil && target.Share == 0 && !p.populated(target) {
		target.Alternate = !serving.Alternate
	}
}

// shared tells whether the target groups of a rollout that serves nothing yet have other tasks too.
func (p *pass) shared(r *Rollout) bool {
	for i := range p.tasks {
		t := &p.tasks[i]
		if o := p.rollout(t.Rollout); r.Share == 0 && t.Phase != Gone && t.Rollout != r.ID && o != nil && o.Alternate == r.Alternate {
			return true
		}
	}
	return false
}

// keep is the pool of one rollout.
func (p *pass) keep(r *Rollout, desired int) {
	o := &pool{rollout: r, desired: desired}
	o.minimum, o.maximum = p.bounds(desired)
	for i := range p.tasks {
		if t := &p.tasks[i]; t.Rollout == r.ID {
			t.stale = p.w.Instances[t.Instance].Draining
			o.tasks = append(o.tasks, t)
		}
	}
	p.balance(o)
	p.scale(o)
	p.want(r, desired)
}

// end is the pool of all rollouts but some: their tasks go. It tells whether none is left.
func (p *pass) end(but ...*Rollout) (gone bool) {
	o := &pool{}
	kept := map[string]bool{}
	for _, r := range but {
		if r != nil {
			kept[r.ID] = true
		}
	}
	gone = true
	for i := range p.tasks {
		if t := &p.tasks[i]; !kept[t.Rollout] && t.Phase != Gone {
			t.stale, gone = true, false
			o.tasks = append(o.tasks, t)
		}
	}
	p.scale(o)
	for i := range p.s.Rollouts {
		if r := &p.s.Rollouts[i]; !kept[r.ID] {
			p.want(r, 0)
		}
	}
	return gone
}

func (p *pass) want(r *Rollout, n int) {
	if r.Desired != n {
		r.Desired, r.UpdatedAt = n, p.w.Now
	}
}
