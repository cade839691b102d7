package plan

// pool is a number of tasks to be had, and those that there are. It is brought about by starting what is lacking first and
// stopping what it replaces when that is healthy; where the maximum, or the room on the machines, leaves nothing to start,
// by stopping first, down to the minimum.
type pool struct {
	rollout *Rollout // whose tasks it is to have; nil: none, all go
	desired int
	// minimum healthy ones are kept of all tasks of the pool, and maximum may be there.
	minimum, maximum int
	tasks            []*task // its rollout's, and those that they replace

	fresh    []*task // of the rollout, where they may be, not unhealthy
	young    []*task // to be replaced, and never ran
	sick     []*task // unhealthy, or to be replaced by another rollout's before they were healthy
	stranded []*task // of the rollout, and RUNNING on instances that drain; not healthy yet
	old      []*task // to be replaced, and healthy

	total, healthy, ready int  // that count towards the maximum; that are healthy and stay; those of them that are fresh
	leaving               int  // told to stop, and count still
	moves                 bool // what is lacking is to stand for a task of another zone
}

// sort puts the pool's tasks to their kind.
func (o *pool) sort() {
	for _, t := range o.tasks {
		switch {
		case !t.counts():
			continue
		case t.Told:
			o.total++
			o.leaving++
			continue
		case t.health == healthy && t.stale:
			o.old = append(o.old, t)
		case !t.stale && t.health != unhealthy:
			o.fresh = append(o.fresh, t)
		case t.Phase == Starting:
			o.young = append(o.young, t)
		case t.health == unready && o.rollout != nil && t.Rollout == o.rollout.ID:
			o.stranded = append(o.stranded, t)
		default:
			o.sick = append(o.sick, t)
		}
		o.total++
		if t.health == healthy {
			o.healthy++
			if !t.stale {
				o.ready++
			}
		}
	}
}

// scale starts and stops what brings the pool closer to what it should be.
func (p *pass) scale(o *pool) {
	o.sort()
	lacking := max(0, o.desired-len(o.fresh))
	held := lacking > 0 && (o.rollout == nil || p.held(o.rollout))
	full := p.full()
	start := min(lacking, max(0, o.maximum-o.total))
	if held || full {
		start = 0
	}
	need := 0 // of room that only stopping makes
	if !held {
		need = lacking - start
	}
	barred, before := need > 0 && start == 0 && !full, len(p.out.Stop)
	for _, t := range o.young {
		p.stop(t, p.scaling(t))
	}
	p.shrink(o)
	need -= p.heal(o, need)
	need -= p.vacate(o, need)
	p.retire(o, need)
	if start > 0 {
		p.start(o, start)
	}
	p.lacking = p.lacking || lacking > 0 || len(o.fresh) > o.desired || len(o.young)+len(o.sick)+len(o.stranded)+len(o.old) > 0
	if barred && len(p.out.Stop) == before && o.leaving+len(o.stranded) == 0 && o.ready == len(o.fresh) {
		p.stuck = true
	}
}

// shrink stops what the rollout has beyond the desired count.
func (p *pass) shrink(o *pool) {
	for _, t := range p.choose(o.fresh, o.fresh, len(o.fresh)-o.desired) {
		if t.health == healthy && o.healthy <= o.minimum {
			continue
		}
		if p.stop(t, p.scaling(t)) && t.health == healthy {
			o.healthy--
		}
	}
}

// heal stops tasks that are not healthy: those that others stand for by now, and as many more as room is needed for, one
// after the other where the healthy ones are fewer than the minimum. It returns how many it stopped.
func (p *pass) heal(o *pool, need int) (n int) {
	for _, t := range o.sick {
		if t.health == unhealthy {
			p.tellUnhealthy(t)
		}
	}
	m := max(0, o.healthy+len(o.sick)-o.desired)
	switch {
	case o.healthy >= o.desired:
		m = len(o.sick)
	case need > 0 && o.healthy >= o.minimum:
		m = max(m, need)
	case need > 0 && o.ready == len(o.fresh) && o.leaving == 0:
		m = max(m, 1)
	}
	for _, t := range o.sick {
		if n >= m {
			break
		}
		reason := p.scaling(t)
		if t.health == unhealthy {
			reason = t.failure()
		} else if p.protected(t) {
			continue
		}
		if p.stop(t, reason) {
			n++
			p.missed(t)
		}
	}
	return n
}

// vacate stops tasks on instances that drain before they are healthy. They run and fail no check: as long as nothing stands for
// them, they are kept as if they were healthy. It returns how many it stopped.
func (p *pass) vacate(o *pool, need int) (n int) {
	running := o.healthy + len(o.stranded)
	for _, t := range p.choose(o.stranded, o.stranded, max(running-o.desired, min(need, running-o.minimum))) {
		if p.stop(t, p.scaling(t)) {
			n++
		}
	}
	return n
}

// retire stops healthy tasks that are to be replaced: as many as there are healthy ones beyond the desired count, or beyond
// the minimum where room is needed.
func (p *pass) retire(o *pool, need int) {
	n := max(o.healthy-o.desired, min(need, o.healthy-o.minimum))
	for _, t := range p.choose(o.old, append(o.fresh[:len(o.fresh):len(o.fresh)], o.old...), n) {
		if p.stop(t, p.scaling(t)) {
			o.healthy--
		}
	}
}

// start asks for tasks of the pool's rollout.
func (p *pass) start(o *pool, n int) {
	if n > MaxStarts {
		n, p.out.Again = MaxStarts, true
	}
	s := Start{Rollout: o.rollout.ID, Count: n}
	p.spread(&s, o)
	s.Providers = o.providers(n)
	p.out.Start = append(p.out.Start, s)
}

// full tells whether the last launch found no room, and it is not time yet to try again.
func (p *pass) full() bool {
	if p.w.Full.Zone || !p.w.Now.Before(p.w.Full.Until) {
		return false
	}
	p.wake(p.w.Full.Until)
	return true
}

// missed counts a task that is stopped because it is unhealthy as a failure of its rollout.
func (p *pass) missed(t *task) {
	r := p.rollout(t.Rollout)
	if r == nil || t.health != unhealthy {
		return
	}
	if r.Row == 0 && r.Waves == 0 {
		r.Healthy = p.healthyOf(r)
	}
	r.Failures++
	r.Row++
}
