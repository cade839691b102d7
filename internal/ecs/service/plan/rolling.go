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
}

// follow has the primary rollout take the target groups of those that it replaces: only other strategies have it take the others.
func (p *pass) follow() {
	primary := p.primary()
	for i := range p.s.Rollouts {
		r := &p.s.Rollouts[i]
		r.Share, r.Test = 0, false
		if r != primary && !p.populated(primary) {
			primary.Alternate = r.Alternate
		}
	}
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
