package target

import (
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// warm begins the slow start of a target that turned healthy. As with AWS it takes one that is healthy and warm already: the
// first targets of a group, those that came into use together, take their whole share at once. Under the group's mu.
func (t *Target) warm(was balancer.State) {
	over := t.group.Spec().SlowStart
	if over == 0 {
		return
	}
	now := time.Now()
	for _, other := range t.group.targets {
		together := was == initial && other.change == t.change
		if other != t && !together && !other.left.Load() && other.verdict.state == healthy && other.share(now, over) >= 1 {
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
