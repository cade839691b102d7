package ecs

import (
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
		for n, want := range []int{1, 1, 1, 0} {
			revision := Revision{Family: "web", Number: n + 1}
			if used := a.Tasks.Count(here, taskCounts, definitionCount(revision)); used != want {
				t.Errorf("%s is used by %d tasks, want %d", revision, used, want)
			}
		}
	})
}
