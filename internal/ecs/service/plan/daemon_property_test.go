package plan

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "github.com/berth-dev/berth/api/ecs"
)

// Whatever happens to a DAEMON service, the scheduler itself stops no healthy task when the healthy ones are the minimum or fewer,
// starts none beyond the maximum, none where no daemon belongs and no second one beside a task that it need not replace; and once
// nothing happens any more there is one on each instance.
func TestDaemons(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounds := rapid.SampledFrom([][2]int{{0, 100}, {50, 100}, {75, 100}, {100, 200}, {50, 150}}).Draw(t, "percent")
		w := newWorld(t, 0)
		w.service.Daemon, w.service.Minimum, w.service.Maximum = true, bounds[0], bounds[1]
		w.service.Grace = time.Duration(rapid.IntRange(0, 60).Draw(t, "grace")) * time.Second
		if rapid.Bool().Draw(t, "breaker") {
			w.service.Breaker = Breaker{Enable: true, Rollback: true}
		}
		for i := range rapid.IntRange(1, 5).Draw(t, "machines") {
			w.machine(fmt.Sprintf("m%d", i+1))
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			daemonEvent(t, w)
			for range rapid.IntRange(1, 4).Draw(t, "decisions") {
				daemonChecked(t, w)
			}
			w.step(time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds")) * time.Second)
		}
		daemonConverges(t, w)
	})
}

// daemonEvent is something that happens to a daemon's tasks, or to an instance.
func daemonEvent(t *rapid.T, w *world) {
	id := fmt.Sprintf("m%d", rapid.IntRange(1, 6).Draw(t, "machine"))
	switch rapid.SampledFrom([]string{"task", "task", "comes", "drains", "disconnects", "matches not", "goes"}).Draw(t, "what") {
	case "task":
		event(t, w)
	case "comes":
		w.machine(id)
	case "drains":
		w.instances[id] = Instance{ID: id, Draining: true, Matches: true, Busy: rapid.Bool().Draw(t, "busy")}
	case "disconnects":
		w.instances[id] = Instance{ID: id, Matches: true}
	case "matches not":
		w.instances[id] = Instance{ID: id, Active: true}
	case "goes":
		delete(w.instances, id)
		for _, task := range w.tasks {
			if task.Instance == id && task.Phase != Gone {
				w.ends(task, api.TaskStopCodeTerminationNotice)
			}
		}
	}
}

// daemonChecked makes one decision and holds it against the bounds, by a count of its own.
func daemonChecked(t *rapid.T, w *world) Plan {
	before, input := w.service, w.world()
	belongs := 0
	for _, i := range w.instances {
		if i.Active && i.Matches {
			belongs++
		}
	}
	well, at := map[string]bool{}, map[string][]Task{}
	total := 0
	for _, task := range input.Tasks {
		if i := w.instances[task.Instance]; task.Phase <= Running && i.Active && i.Matches {
			total++ // where none is to be it is on its way out, or out of reach
		}
		if task.Phase != Gone {
			at[task.Instance] = append(at[task.Instance], task)
		}
		age := w.now.Sub(task.StartedAt)
		if task.Phase == Running && !task.Told &&
			(task.Checked && task.Health == api.HealthStatusHealthy || !task.Checked && (age >= input.HealthyAfter || age < -input.HealthyAfter)) {
			well[task.ID] = true
		}
	}
	primary := ""
	plan := w.decide()
	for _, r := range w.service.Rollouts {
		if r.Primary {
			primary = r.ID
		}
	}
	stopped := 0
	for _, s := range plan.Stop {
		if well[s.Task] {
			stopped++
		}
	}
	if minimum := (belongs*before.Minimum + 99) / 100; stopped > 0 && len(well)-stopped < minimum {
		t.Fatalf("%d healthy, %d of them stopped, the minimum is %d: %+v\n%s", len(well), stopped, minimum, plan.Stop, w.list())
	}
	started := map[string]bool{}
	for _, s := range plan.Start {
		if s.Count != len(s.Instances) {
			t.Fatalf("%d tasks for the instances %v", s.Count, s.Instances)
		}
		for _, id := range s.Instances {
			i := w.instances[id]
			beside := at[id]
			switch {
			case started[id] || !i.Active || !i.Matches:
				t.Fatalf("started on %s twice, or where no daemon belongs: %+v", id, i)
			case slices.ContainsFunc(beside, func(task Task) bool { return task.Rollout == primary && !task.Told }):
				t.Fatalf("a second one was started on %s", id)
			case len(beside) > 0 && before.Maximum == 100:
				t.Fatalf("one was started on %s before the other was gone", id)
			}
			started[id] = true
		}
	}
	if maximum := belongs * before.Maximum / 100; len(started) > 0 && total+len(started) > maximum {
		t.Fatalf("%d tasks, %d started, the maximum is %d", total, len(started), maximum)
	}
	return plan
}

// daemonConverges lets everything go well from here on.
func daemonConverges(t *rapid.T, w *world) {
	w.room = -1
	w.behave = func(task *Task) {
		if task.Health != "" {
			task.Health = api.HealthStatusHealthy
		}
	}
	var ids []string
	for id := range w.instances {
		ids = append(ids, id)
	}
	if slices.Sort(ids); len(ids) == 0 {
		ids = []string{"m1"}
	}
	for _, id := range ids {
		w.machine(id)
	}
	want := 0
	for i, id := range ids {
		if i > 0 && rapid.Bool().Draw(t, "drains") {
			w.instances[id] = Instance{ID: id, Draining: true, Matches: true}
		} else {
			want++
		}
	}
	for _, task := range w.tasks {
		task.ProtectedUntil = time.Time{}
	}
	if (want*w.service.Minimum+99)/100 >= want*w.service.Maximum/100 {
		w.service.Minimum = 0 // its configuration leaves nothing to stop and nothing to start
	}
	for range 400 {
		if r := w.service.Rollouts[0]; r.State == api.DeploymentRolloutStateFailed {
			w.deploy("last")
		}
		for range 20 {
			if !daemonChecked(t, w).Again {
				break
			}
		}
		if w.steady() && len(w.tasks) == want {
			on := map[string]bool{}
			for _, task := range w.tasks {
				on[task.Instance] = w.instances[task.Instance].Active
			}
			if len(on) == want && len(w.service.Rollouts) == 1 && w.service.Rollouts[0].Desired == want {
				return
			}
		}
		w.step(20 * time.Second)
	}
	t.Fatalf("no rest: %d instances of %v, rollouts %+v, tasks %s\nfull %+v", want, w.instances, w.service.Rollouts, w.list(), w.full)
}
