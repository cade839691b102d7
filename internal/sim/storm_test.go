package sim_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/sim"
)

// TestAStormOfReconnections breaks all connections of a thousand agents at once, again and again. All come back, no task
// notices, and nothing is left of the connections that were.
func TestAStormOfReconnections(t *testing.T) {
	w := newWorld(t)
	fleet := sim.New(w.config)
	t.Cleanup(fleet.Close)
	agents, err := fleet.Add(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	arns := w.run(w.define("app", 64), 100)
	for _, arn := range arns {
		w.status(arn, "RUNNING")
	}
	before := runtime.NumGoroutine()
	record := w.record()
	for range 3 {
		var cutting sync.WaitGroup
		for _, a := range agents {
			cutting.Go(a.Cut)
		}
		cutting.Wait()
		changes := record.len() // the next storm meets half of them on their way back
		w.until("half of the agents to be back", func() bool { return record.len() >= changes+500 })
	}
	w.until("all agents to be back", func() bool {
		for row := range w.server.ECS.Instances.All() {
			if row.Value.Session == nil || !w.server.Dispatch.Connected(row.Scope, row.ID) {
				return false
			}
		}
		return true
	})
	w.run(w.define("app", 64), 10)
	w.until("the tasks to run", func() bool {
		for _, row := range w.live() {
			if row.Value.Status != ecs.Running {
				return false
			}
		}
		return len(w.live()) == 110
	})
	for _, arn := range arns {
		if task := w.describe(arn); task.LastStatus != "RUNNING" {
			t.Errorf("%s is %s", arn, task.LastStatus)
		}
	}
	for _, a := range agents {
		for container, starts := range a.Machine.Starts() {
			if starts != 1 {
				t.Errorf("%s was started %d times", container, starts)
			}
		}
	}
	record.judge()
	w.until("connections that broke to be forgotten", func() bool { return runtime.NumGoroutine() < before+before/5 })
}
