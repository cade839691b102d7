package plan

import (
	"cmp"
	"slices"
)

// choose takes up to n tasks to be stopped, the ones that are missed least first: those that don't run yet, those that are
// not healthy, those in target groups that are given up, then those of the fullest availability zone, of the fullest instance there, and the youngest. Protected ones
// are not taken. among are all that stay, by which fullness is measured.
func (p *pass) choose(from, among []*task, n int) []*task {
	var out []*task
	if n <= 0 {
		return nil
	}
	zones, instances := map[string]int{}, map[string]int{}
	for _, t := range among {
		zones[t.Zone]++
		instances[t.Instance]++
	}
	left := slices.DeleteFunc(slices.Clone(from), p.protected)
	slices.SortFunc(left, func(a, b *task) int {
		return cmp.Or(cmp.Compare(value(a), value(b)), b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	for len(out) < min(n, MaxStops+1) && len(left) > 0 {
		best := 0
		for i := 1; i < len(left) && value(left[i]) == value(left[best]); i++ {
			a, b := left[i], left[best]
			if cmp.Or(cmp.Compare(zones[a.Zone], zones[b.Zone]), cmp.Compare(instances[a.Instance], instances[b.Instance])) > 0 {
				best = i
			}
		}
		t := left[best]
		zones[t.Zone]--
		instances[t.Instance]--
		out = append(out, t)
		left = slices.Delete(left, best, best+1)
	}
	return out
}

// value is how much a task is missed.
func value(t *task) int {
	switch {
	case t.Phase == Starting:
		return 0
	case t.health == unhealthy:
		return 1
	case t.health == unready:
		return 2
	case t.aside:
		return 3
	}
	return 4
}

// protected tells whether a task may not be stopped to scale in or to deploy, and looks again when it may.
func (p *pass) protected(t *task) bool {
	if !p.w.Now.Before(t.ProtectedUntil) || p.s.Deleted {
		return false
	}
	p.wake(t.ProtectedUntil)
	return true
}
