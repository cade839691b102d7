package plan

import (
	"strings"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// A check that fails for all of a large service's tasks at once is told of for some of them: a plan is one transaction, and the
// service's record holds what was told.
func TestHundredsOfUnhealthyTasksAreToldOfInPart(t *testing.T) {
	w := newWorld(t, 300)
	w.until("steady", 100, 10*time.Second, w.steady)
	for _, task := range w.tasks {
		task.Checked, task.Health = true, api.HealthStatusUnhealthy
	}
	for range 20 {
		if plan := w.decide(); len(plan.Events) > 2*MaxStops || len(w.service.Told) > 2*MaxStops {
			t.Fatalf("%d events at once, %d told", len(plan.Events), len(w.service.Told))
		}
	}
	if n := strings.Count(strings.Join(w.events, "\n"), "failed container health checks."); n == 0 {
		t.Error("none is told of")
	}
}

// What a deleted service still does is told as well.
func TestADeletedServiceTellsWhatItStops(t *testing.T) {
	w := newWorld(t, 2)
	w.until("steady", 10, 10*time.Second, w.steady)
	w.tasks[0].Targets = []Target{{Group: "blue", Registered: w.now, State: targetHealthy}}
	w.service.Deleted = true
	w.decide()
	for _, text := range []string{"has begun draining connections on 1 tasks.", "deregistered 1 targets in (target-group blue)",
		stopped([]string{w.tasks[0].ID, w.tasks[1].ID})} {
		if !w.told(text) {
			t.Errorf("no event %q in %q", text, w.events)
		}
	}
}
