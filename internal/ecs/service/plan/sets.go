package plan

// sets scales the task sets of a service whose deployments others make: each by itself.
func (p *pass) sets() {
	all, stable := make([]*Rollout, len(p.s.Rollouts)), true
	for i := range p.s.Rollouts {
		r := &p.s.Rollouts[i]
		all[i] = r
		p.recover(r)
		p.lacking = false
		p.keep(r, r.Desired)
		r.Stable = !p.lacking && p.healthyOf(r) == r.Desired && p.tasksOf(r) == r.Desired
		stable = stable && r.Stable
	}
	stable = p.end(all...) && stable
	p.tellStops()
	p.forgetTold()
	p.rest(stable && len(p.out.Start)+len(p.out.Stop) == 0)
}

// tasksOf is how many tasks a rollout has that have not stopped.
func (p *pass) tasksOf(r *Rollout) (n int) {
	for i := range p.tasks {
		if t := &p.tasks[i]; t.Rollout == r.ID && t.Phase != Gone {
			n++
		}
	}
	return n
}
