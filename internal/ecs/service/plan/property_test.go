package plan

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "github.com/berth-dev/berth/api/ecs"
)

// Whatever happens, the scheduler itself stops no healthy task when the healthy ones are the minimum or fewer, and starts none
// beyond the maximum; and once nothing happens any more, the service comes to rest with what it should have.
func TestScheduler(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounds := rapid.SampledFrom([][2]int{{100, 200}, {50, 100}, {0, 100}, {50, 200}, {100, 150}, {75, 125}}).Draw(t, "percent")
		w := newWorld(t, rapid.IntRange(0, 9).Draw(t, "desired"))
		w.service.Minimum, w.service.Maximum = bounds[0], bounds[1]
		w.service.Rebalance = rapid.Bool().Draw(t, "rebalance")
		w.service.Grace = time.Duration(rapid.IntRange(0, 60).Draw(t, "grace")) * time.Second
		if rapid.Bool().Draw(t, "breaker") {
			w.service.Breaker = Breaker{Enable: true, Rollback: true, Cumulative: rapid.Bool().Draw(t, "cumulative")}
		}
		if rapid.Bool().Draw(t, "zones") {
			w.zones = []string{"a", "b", "c"}
		}
		w.machine("m2")
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			event(t, w)
			for range rapid.IntRange(1, 4).Draw(t, "decisions") {
				checked(t, w)
			}
			w.step(time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds")) * time.Second)
		}
		converges(t, w)
	})
}

// event is something that happens to the service or to its tasks.
func event(t *rapid.T, w *world) {
	kind := rapid.SampledFrom([]string{"nothing", "nothing", "die", "fail", "sick", "well", "scale", "deploy", "room", "drain", "back", "protect", "jump", "kill"}).Draw(t, "event")
	pick := func() *Task {
		if len(w.tasks) == 0 {
			return nil
		}
		return w.tasks[rapid.IntRange(0, len(w.tasks)-1).Draw(t, "task")]
	}
	switch kind {
	case "scale":
		w.service.Desired = rapid.IntRange(0, 9).Draw(t, "desired")
	case "deploy":
		w.deploy(fmt.Sprintf("r%d", w.made))
		w.service.Rollouts[0].Revision = w.service.Rollouts[0].ID
	case "room":
		w.room = rapid.IntRange(-1, 12).Draw(t, "room")
	case "drain":
		w.instances["m1"] = Instance{ID: "m1", Draining: true}
	case "back":
		w.machine("m1")
	case "jump":
		by := time.Duration(rapid.IntRange(-100, 100).Draw(t, "hours")) * time.Hour
		w.now, w.full.Until = w.now.Add(by), w.full.Until.Add(by) // which is by the monotonic clock
	}
	task := pick()
	if task == nil || task.Phase == Gone {
		return
	}
	switch kind {
	case "die":
		w.ends(task, api.TaskStopCodeEssentialContainerExited)
	case "fail":
		if task.Phase == Starting {
			w.ends(task, api.TaskStopCodeTaskFailedToStart)
		}
	case "kill":
		w.ends(task, api.TaskStopCodeUserInitiated)
	case "sick":
		task.Checked, task.Health = true, api.HealthStatusUnhealthy
	case "well":
		task.Checked, task.Health = true, api.HealthStatusHealthy
	case "protect":
		task.ProtectedUntil = w.now.Add(time.Hour)
	}
}

// checked makes one decision and holds it against the bounds, by a count of its own.
func checked(t *rapid.T, w *world) Plan {
	before, input := w.service, w.world()
	well := map[string]bool{}
	total, ok := 0, 0
	for i := range input.Tasks {
		task := &input.Tasks[i]
		if task.Phase <= Running {
			total++
		}
		age := w.now.Sub(task.StartedAt)
		if task.Phase == Running && !task.Told &&
			(task.Checked && task.Health == api.HealthStatusHealthy || !task.Checked && (age >= input.HealthyAfter || age < -input.HealthyAfter)) {
			well[task.ID] = true
			ok++
		}
	}
	plan := w.decide()
	stopped, started := 0, 0
	for _, s := range plan.Stop {
		if well[s.Task] {
			stopped++
		}
	}
	for _, s := range plan.Start {
		started += s.Count
	}
	minimum := (before.Desired*before.Minimum + 99) / 100
	if stopped > 0 && ok-stopped < minimum {
		t.Fatalf("%d healthy, %d of them stopped, the minimum is %d: %+v\n%s", ok, stopped, minimum, plan.Stop, w.list())
	}
	if maximum := before.Desired * before.Maximum / 100; started > 0 && total+started > maximum {
		t.Fatalf("%d tasks, %d started, the maximum is %d", total, started, maximum)
	}
	return plan
}

// converges lets everything go well from here on.
func converges(t *rapid.T, w *world) {
	w.room = -1
	w.behave = func(task *Task) {
		if task.Health != "" {
			task.Health = api.HealthStatusHealthy
		}
	}
	w.machine("m1")
	for _, task := range w.tasks {
		task.ProtectedUntil = time.Time{}
	}
	if floor := (w.service.Desired*w.service.Minimum + 99) / 100; floor >= w.service.Desired*w.service.Maximum/100 {
		w.service.Minimum = 0 // its configuration leaves nothing to stop and nothing to start
	}
	for range 400 {
		if r := w.service.Rollouts[0]; r.State == api.DeploymentRolloutStateFailed {
			w.deploy("last") // nothing but an update helps a deployment that failed
		}
		for range 20 {
			if !checked(t, w).Again {
				break
			}
		}
		if w.steady() && len(w.tasks) == w.service.Desired && w.rest(t) {
			return
		}
		w.step(20 * time.Second)
	}
	t.Fatalf("no rest: desired %d, rollouts %+v, tasks %s\nfull %+v", w.service.Desired, w.service.Rollouts, w.list(), w.full)
}

// rest tells whether another decision changes nothing.
func (w *world) rest(t *rapid.T) bool {
	plan := checked(t, w)
	return len(plan.Start)+len(plan.Stop)+len(plan.Counted) == 0 && !plan.Again
}
