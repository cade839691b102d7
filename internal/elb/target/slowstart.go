package target

import "time"

// warm begins the slow start of a target that turned healthy. As with AWS a target does so only beside one that is healthy and
// warm already: the first targets of a group take their whole share at once. Under the group's mu.
func (t *Target) warm() {
	over := t.group.Spec().SlowStart
	if over == 0 {
		return
	}
	now := time.Now()
	for _, other := range t.group.targets {
		if other != t && !other.left.Load() && other.verdict.state == healthy && other.share(now, over) >= 1 {
			t.slow.Store(&now)
			return
		}
	}
}

// cool ends a slow start.
func (t *Target) cool() { t.slow.Store(nil) }

// share grows from nothing to 1 over the time of the slow start.
func (t *Target) share(now time.Time, over time.Duration) float64 {
	began := t.slow.Load()
	if began == nil || over <= 0 {
		return 1
	}
	share := float64(now.Sub(*began)) / float64(over)
	if share >= 1 {
		t.slow.CompareAndSwap(began, nil)
	}
	return share
}
