package plan

import (
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// running is a service of four tasks that run on one machine and do not count as healthy yet.
func running(t *testing.T, minimum, maximum int) *world {
	w := newWorld(t, 4)
	w.service.Minimum, w.service.Maximum = minimum, maximum
	w.decide()
	w.step(time.Second)
	w.decide()
	return w
}

// What runs and fails no check is not sick because it is not healthy yet: an instance that drains keeps it while there is no room elsewhere.
func TestDrainingKeepsToTheBoundsBeforeTasksAreHealthy(t *testing.T) {
	for _, c := range []struct {
		name             string
		minimum, maximum int
		unhealthy        int // of the tasks
		stops            int // while there is no room
	}{
		{"all are to be healthy", 100, 200, 0, 0},
		{"half of them", 50, 200, 0, 2},
		{"half of them, and no more than all", 50, 100, 0, 2},
		{"all, and one fails its checks", 100, 200, 1, 1},
		{"half of them, and one fails its checks", 50, 200, 1, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := running(t, c.minimum, c.maximum)
			for _, task := range w.tasks[:c.unhealthy] {
				task.Checked, task.Health = true, api.HealthStatusUnhealthy
			}
			w.room = 0
			w.instances["m1"] = Instance{ID: "m1", Draining: true}
			w.machine("m2")
			for range 120 {
				w.decide()
				w.step(time.Second)
			}
			if len(w.stops) != c.stops {
				t.Errorf("%d tasks were stopped, want %d: %s", len(w.stops), c.stops, w.list())
			}
			w.room = -1
			w.until("moved", 60, 10*time.Second, func() bool {
				for _, task := range w.tasks {
					if task.Instance == "m1" {
						return false
					}
				}
				return w.steady() && len(w.tasks) == 4
			})
		})
	}
}

// Whoever scales in meanwhile has those stopped at once that are too many.
func TestDrainingAndScalingInBeforeTasksAreHealthy(t *testing.T) {
	w := running(t, 100, 200)
	w.room = 0
	w.instances["m1"] = Instance{ID: "m1", Draining: true}
	w.service.Desired = 1
	w.decide()
	if len(w.stops) != 3 {
		t.Errorf("%d tasks were stopped, want 3: %s", len(w.stops), w.list())
	}
}
