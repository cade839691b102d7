package ecs

import (
	"maps"
	"slices"
	"testing"
	"time"
)

func TestARevisionIsInUseUntilItsTasksHaveStopped(t *testing.T) {
	recording(t, func(a *aged, _ func(func())) {
		a.cluster("default")
		for n, status := range []Status{Pending, Running, Stopping, Stopped} {
			a.stopped(n, func(t *Task) {
				t.Definition.Number, t.Status = n+1, status
				if status.Before(Stopping) {
					t.EndingAt, t.StoppedAt = time.Time{}, time.Time{}
				}
			})
		}
		if used := slices.Sorted(maps.Keys(a.revisionsInUse(here, "web"))); !slices.Equal(used, []int{1, 2, 3}) {
			t.Errorf("in use: %d", used)
		}
	})
}
