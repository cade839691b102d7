package plan

import "slices"

// machines is how many instances a daemon is to be on.
func (p *pass) machines() (n int) {
	for _, i := range p.w.Instances {
		if i.wanted() {
			n++
		}
	}
	return n
}

// wanted tells whether a daemon is to be on the instance.
func (i Instance) wanted() bool { return i.Active && i.Matches }

// daemon keeps one task on each instance that is active and matches. Where the maximum allows it, a task is replaced by one
// beside it; otherwise it is stopped first, on as many instances at a time as the minimum leaves. What is on other instances
// (they drain, or their agents are away) keeps none from being started where one is to be: the maximum does not count it.
func (p *pass) daemon() {
	desired := p.machines()
	d := &daemon{pass: p, rollout: p.primary(), on: map[string]*place{}}
	d.minimum, d.maximum = p.bounds(desired)
	d.beside = d.maximum > desired
	for i := range p.tasks {
		d.add(&p.tasks[i])
	}
	d.held = p.held(d.rollout) || p.full()
	for _, id := range d.order() {
		d.tend(d.on[id], p.w.Instances[id])
	}
	if len(d.empty) > 0 {
		d.start()
	}
	p.stuck = d.barred && !d.moving && len(p.out.Start)+len(p.out.Stop) == 0
	p.share(desired)
}

// daemon is a decision about the tasks of a DAEMON service.
type daemon struct {
	*pass
	rollout          *Rollout
	minimum, maximum int
	beside           bool // the maximum leaves room for two on an instance
	on               map[string]*place
	total            int // on the instances where one is to be
	healthy          int // anywhere
	held             bool
	empty            []string // instances that get a task
	barred, moving   bool     // a task can't be replaced for the minimum; others start or go still
}

// place is what there is of the service on one instance.
type place struct {
	fresh, stale []*task
	occupied     bool // some task still has its share of the machine
}

func (d *daemon) add(t *task) {
	if t.Phase == Gone {
		return
	}
	at := d.on[t.Instance]
	if at == nil {
		at = &place{}
		d.on[t.Instance] = at
	}
	at.occupied = true
	d.moving = d.moving || t.Phase != Running || t.Told || t.health == unready
	if t.counts() && d.w.Instances[t.Instance].wanted() {
		d.total++
	}
	if !t.kept() {
		return
	}
	if t.health == healthy {
		d.healthy++
	}
	if t.Rollout == d.rollout.ID {
		at.fresh = append(at.fresh, t)
	} else {
		at.stale = append(at.stale, t)
	}
}

// order are the instances to be tended, those that the service is on and those that it should be on.
func (d *daemon) order() (ids []string) {
	for id := range d.on {
		ids = append(ids, id)
	}
	for id := range d.w.Instances {
		if d.on[id] == nil {
			d.on[id] = &place{}
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// tend brings one instance closer to what should be on it.
func (d *daemon) tend(at *place, i Instance) {
	switch {
	case i.Draining && i.Busy: // a daemon stays as long as there is something that it may serve
		return
	case i.Draining || i.Active && !i.Matches:
		d.clear(at.fresh)
		d.clear(at.stale)
		return
	case !i.Active:
		return
	}
	if len(at.fresh) > 1 {
		d.clear(at.fresh[1:])
	}
	if len(at.fresh) == 0 {
		d.lacking = true
		switch {
		case d.held:
		case d.total < d.maximum && (!at.occupied || len(at.stale) > 0 && d.beside):
			d.empty = append(d.empty, i.ID)
			d.total++
		default:
			d.replace(at.stale)
		}
		return
	}
	switch t := at.fresh[0]; {
	case t.health == healthy:
		d.clear(at.stale)
	case t.health == unhealthy:
		d.lacking = true
		d.tellUnhealthy(t)
		if d.stop(t, t.failure()) {
			d.missed(t)
		}
	}
	d.lacking = d.lacking || len(at.stale) > 0
}

// replace stops the tasks of an instance that another is to follow, while the minimum allows it.
func (d *daemon) replace(stale []*task) {
	for _, t := range stale {
		switch {
		case d.protected(t):
		case t.health != healthy:
			d.stop(t, d.scaling(t))
		case d.healthy > d.minimum:
			if d.stop(t, d.scaling(t)) {
				d.healthy--
			}
		default:
			d.barred = true
		}
	}
}

// clear stops tasks that are not to be there.
func (d *daemon) clear(tasks []*task) {
	for _, t := range tasks {
		d.lacking = true
		if d.protected(t) || t.health == healthy && d.healthy <= d.minimum {
			continue
		}
		if d.stop(t, d.scaling(t)) && t.health == healthy {
			d.healthy--
		}
	}
}

func (d *daemon) start() {
	if len(d.empty) > MaxStarts {
		d.empty, d.out.Again = d.empty[:MaxStarts], true
	}
	d.out.Start = append(d.out.Start, Start{Rollout: d.rollout.ID, Count: len(d.empty), Instances: d.empty})
}
