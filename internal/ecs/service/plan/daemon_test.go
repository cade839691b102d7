package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

func newDaemon(t *testing.T, machines ...string) *world {
	w := newWorld(t, 0)
	w.service.Daemon, w.service.Minimum, w.service.Maximum = true, 0, 100
	w.instances = map[string]Instance{}
	for _, id := range machines {
		w.machine(id)
	}
	return w
}

// on are the instances that have a task which stays, in order; an instance with two is there twice.
func (w *world) on() string {
	var out []string
	for _, t := range w.tasks {
		if !t.Told {
			out = append(out, t.Instance)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestDaemonFollowsTheInstances(t *testing.T) {
	w := newDaemon(t, "m1", "m2")
	w.until("steady", 10, 10*time.Second, w.steady)
	if w.on() != "m1 m2" {
		t.Fatal(w.on())
	}
	w.machine("m3")
	w.instances["m4"] = Instance{ID: "m4", Active: true} // does not match
	w.until("on the new one", 10, 10*time.Second, func() bool { return w.steady() && w.on() == "m1 m2 m3" })
	w.instances["m1"] = Instance{ID: "m1", Draining: true, Busy: true}
	for range 5 {
		w.decide()
		w.step(time.Minute)
	}
	if w.on() != "m1 m2 m3" {
		t.Fatalf("left a draining instance before its tasks: %s", w.on())
	}
	w.instances["m1"] = Instance{ID: "m1", Draining: true}
	w.until("gone from it", 10, 10*time.Second, func() bool { return w.steady() && w.on() == "m2 m3" })
}

func TestDaemonIsReplacedWhereItStands(t *testing.T) {
	for _, c := range []struct {
		what             string
		minimum, maximum int
		together         int // tasks on an instance at most
		stopped          int // instances without a task at most
	}{
		{"stopped first, all at once", 0, 100, 1, 4},
		{"stopped first, half of them at once", 50, 100, 1, 2},
		{"started first", 100, 200, 2, 0},
	} {
		w := newDaemon(t, "m1", "m2", "m3", "m4")
		w.service.Minimum, w.service.Maximum = c.minimum, c.maximum
		w.until("steady", 10, 10*time.Second, w.steady)
		w.deploy("r2")
		together, stopped := 0, 0
		w.until(c.what, 100, 10*time.Second, func() bool {
			running, all := map[string]int{}, map[string]int{}
			for _, task := range w.tasks {
				all[task.Instance]++
				if task.Phase == Running && !task.Told {
					running[task.Instance]++
				}
			}
			for id := range w.instances {
				together = max(together, all[id])
			}
			stopped = max(stopped, 4-len(running))
			return w.steady()
		})
		if w.running("r2") != 4 || together != c.together || stopped != c.stopped {
			t.Errorf("%s: %d of the new, %d together, %d without", c.what, w.running("r2"), together, stopped)
		}
	}
}

// A daemon that can't be stopped, because its agent is away or its instance drains and has other tasks, is none of the others' matter.
func TestDaemonIsReplacedWhileAnotherIsOutOfReach(t *testing.T) {
	for what, m1 := range map[string]Instance{"its agent is away": {ID: "m1", Matches: true}, "it drains": {ID: "m1", Draining: true, Busy: true}} {
		w := newDaemon(t, "m1", "m2", "m3")
		w.until("steady", 10, 10*time.Second, w.steady)
		w.instances["m1"] = m1
		w.ends(w.tasks[2], api.TaskStopCodeUserInitiated)
		if plan := w.decide(); len(plan.Start) != 1 || w.on() != "m1 m2 m3" {
			t.Errorf("%s: %s", what, w.on())
		}
	}
}

func TestDaemonThatItsConfigurationForbidsToReplaceIsTold(t *testing.T) {
	w := newDaemon(t, "m1")
	w.service.Minimum = 50 // of one: it may not be stopped
	w.until("steady", 10, 10*time.Second, w.steady)
	w.deploy("r2")
	w.until("told", 10, 10*time.Second, func() bool { return w.told(textConfiguration) })
	if w.running("r1") != 1 {
		t.Error(w.list())
	}
	w.machine("m2") // of two, one may
	w.until("steady", 50, 10*time.Second, w.steady)
	if w.running("r2") != 2 {
		t.Error(w.list())
	}
}
