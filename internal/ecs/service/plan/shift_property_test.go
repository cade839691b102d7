package plan

import (
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "github.com/berth-dev/berth/api/ecs"
)

// Whatever happens, a revision gets more of the production traffic only when it has the healthy tasks for it, as long as another
// had the traffic; all of the traffic goes somewhere; and once nothing happens any more the service comes to rest.
func TestShifts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := api.DeploymentConfiguration{BakeTimeInMinutes: minutes(rapid.Int32Range(0, 3).Draw(t, "bake"))}
		c.Strategy = rapid.SampledFrom([]api.DeploymentStrategy{api.DeploymentStrategyBlueGreen, api.DeploymentStrategyLinear, api.DeploymentStrategyCanary}).Draw(t, "strategy")
		w := newWorld(t, rapid.IntRange(0, 5).Draw(t, "desired"))
		w.service.Strategy, w.service.Shift = c.Strategy, ShiftOf(&c)
		w.service.Shift.Listeners = []Listener{{Group: "blue", Alternate: "green", Production: "p", Test: "t"}}
		w.service.Breaker = Breaker{Enable: rapid.Bool().Draw(t, "breaker"), Rollback: true}
		if rapid.Bool().Draw(t, "hook") {
			w.service.Shift.Hooks = []Hook{{Kind: api.DeploymentLifecycleHookTargetTypePause, Timeout: 2 * time.Minute,
				Action: rapid.SampledFrom([]api.DeploymentLifecycleHookAction{"", api.DeploymentLifecycleHookActionContinue}).Draw(t, "action"),
				Stages: []api.DeploymentLifecycleHookStage{api.DeploymentLifecycleHookStagePostScaleUp, api.DeploymentLifecycleHookStageProductionTrafficShift}}}
		}
		w.machine("m2")
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			event(t, w)
			if d := w.service.Deployment; d != nil && d.FinishedAt.IsZero() && d.Rollback == nil && rapid.IntRange(0, 20).Draw(t, "stop") == 0 {
				d.Status = api.ServiceDeploymentStatusRollbackRequested
			}
			for range rapid.IntRange(1, 4).Draw(t, "decisions") {
				shiftChecked(t, w)
			}
			w.step(time.Duration(rapid.IntRange(0, 60).Draw(t, "seconds")) * time.Second)
		}
		shiftConverges(t, w)
	})
}

func shiftChecked(t *rapid.T, w *world) Plan {
	before, well, ready := map[string]int{}, map[string]int{}, wellNow(w)
	others := map[string]bool{} // rollouts that another has the traffic beside
	for _, r := range w.service.Rollouts {
		before[r.ID] = r.Share
		for _, o := range w.service.Rollouts {
			others[r.ID] = others[r.ID] || o.ID != r.ID && o.Share > 0
		}
	}
	for _, task := range w.tasks {
		if ready[task.ID] {
			well[task.Rollout]++
		}
	}
	total := map[string]int{}
	for _, task := range w.tasks {
		if task.Phase <= Running {
			total[task.Rollout]++
		}
	}
	of := map[string]string{}
	for _, task := range w.tasks {
		of[task.ID] = task.Rollout
	}
	healthy := maps.Clone(well)
	minimum, maximum := (w.service.Desired*w.service.Minimum+99)/100, w.service.Desired*w.service.Maximum/100
	plan := w.decide()
	for _, s := range plan.Stop {
		if ready[s.Task] {
			healthy[of[s.Task]]--
		}
	}
	for _, s := range plan.Start {
		if total[s.Rollout]+s.Count > maximum {
			t.Fatalf("%d tasks of %s, %d started, the maximum is %d", total[s.Rollout], s.Rollout, s.Count, maximum)
		}
	}
	sum := 0
	for _, r := range w.service.Rollouts {
		if n := healthy[r.ID]; r.Share == All && n < well[r.ID] && n < minimum {
			t.Fatalf("%s has the traffic and %d healthy tasks, %d after what is stopped, the minimum is %d", r.ID, well[r.ID], n, minimum)
		}
		sum += r.Share
		rolled := w.service.Deployment != nil && w.service.Deployment.Rollback != nil
		if was, known := before[r.ID]; known && r.Primary && r.Share > was && others[r.ID] && !rolled && well[r.ID] < w.service.Desired {
			t.Fatalf("%s got %d of the traffic after %d with %d healthy tasks of %d\n%s", r.ID, r.Share, was, well[r.ID], w.service.Desired, w.list())
		}
	}
	if sum != All && !plan.Again {
		t.Fatalf("%d of the traffic goes somewhere: %+v", sum, w.service.Rollouts)
	}
	return plan
}

// wellNow are the tasks that are healthy and stay.
func wellNow(w *world) map[string]bool {
	out := map[string]bool{}
	for _, task := range w.tasks {
		age := w.now.Sub(task.StartedAt)
		out[task.ID] = task.Phase == Running && !task.Told &&
			(task.Checked && task.Health == api.HealthStatusHealthy || !task.Checked && (age >= 40*time.Second || age < -40*time.Second))
	}
	return out
}

func shiftConverges(t *rapid.T, w *world) {
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
	for range 400 {
		if r := w.service.Rollouts[0]; r.State == api.DeploymentRolloutStateFailed {
			w.deploy("last")
		}
		for i := range w.service.Deployment.Calls { // somebody answers
			if c := &w.service.Deployment.Calls[i]; c.Open() {
				c.Status = api.DeploymentLifecycleHookStatusSucceeded
			}
		}
		for range 20 {
			if !shiftChecked(t, w).Again {
				break
			}
		}
		if w.steady() && len(w.tasks) == w.service.Desired && len(w.service.Rollouts) == 1 && w.service.Rollouts[0].Share == All {
			return
		}
		w.step(20 * time.Second)
	}
	t.Fatalf("no rest: desired %d, deployment %+v, rollouts %+v, tasks %s", w.service.Desired, w.service.Deployment, w.service.Rollouts, w.list())
}
