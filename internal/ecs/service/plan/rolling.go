package plan

import "slices"

// rolling is the rolling update: one pool, in which the tasks of the primary rollout replace all others.
func (p *pass) rolling() {
	p.follow()
	o := &pool{rollout: p.primary(), desired: p.s.Desired, tasks: p.all()}
	o.minimum, o.maximum = p.bounds(p.s.Desired)
	p.balance(o)
	p.scale(o)
	p.share(p.s.Desired)
	p.gather()
}

// follow has the primary rollout take the target groups of what it replaces, of what has most of the traffic where a shift was
// cut off: only other strategies have it take the others.
func (p *pass) follow() {
	primary := p.primary()
	fresh := !p.populated(primary)
	var most *Rollout
	for i := range p.s.Rollouts {
		if r := &p.s.Rollouts[i]; r != primary && (most == nil || r.Share >= most.Share) {
			most = r
		}
	}
	if most != nil && fresh {
		primary.Alternate = most.Alternate
	}
	for i := range p.s.Rollouts {
		r := &p.s.Rollouts[i]
		if r.Test = false; r != most || !fresh || !p.populated(r) {
			r.Share = 0
		}
	}
	for i := range p.tasks {
		r := p.rollout(p.tasks[i].Rollout)
		p.tasks[i].aside = r != nil && r.Alternate != primary.Alternate
	}
}

// gather gives the target groups of the primary rollout all of the traffic as soon as something healthy is there: a shift that was
// cut off has left some to those that are about to be empty.
func (p *pass) gather() {
	primary := p.primary()
	if p.s.Deployment == nil || !slices.ContainsFunc(p.tasks, func(t task) bool {
		r := p.rollout(t.Rollout)
		return t.kept() && t.health == healthy && r != nil && r.Alternate == primary.Alternate
	}) {
		return
	}
	var shares [2]int
	shares[primary.side()] = All
	p.weigh(shares, primary.side())
}

// populated tells whether a rollout has tasks.
func (p *pass) populated(r *Rollout) bool {
	return slices.ContainsFunc(p.tasks, func(t task) bool { return t.Rollout == r.ID && t.Phase != Gone })
}

func (p *pass) all() []*task {
	out := make([]*task, len(p.tasks))
	for i := range p.tasks {
		out[i] = &p.tasks[i]
	}
	return out
}

// bounds are the least number of healthy tasks, rounded up, and the greatest of all, rounded down.
func (p *pass) bounds(desired int) (minimum, maximum int) {
	return min(desired, (desired*p.s.Minimum+99)/100), max(desired, desired*p.s.Maximum/100)
}

// desired is how many tasks the service should have.
func (p *pass) desired() int {
	if p.s.Daemon {
		return p.machines()
	}
	return p.s.Desired
}

// share writes down how many tasks each rollout is to have: the primary all, the others those that they still keep.
func (p *pass) share(desired int) {
	for i := range p.s.Rollouts {
		r := &p.s.Rollouts[i]
		n := desired
		if !r.Primary {
			n = 0
			for j := range p.tasks {
				if t := &p.tasks[j]; t.Rollout == r.ID && t.kept() {
					n++
				}
			}
		}
		if r.Desired != n {
			r.Desired, r.UpdatedAt = n, p.w.Now
		}
	}
}
