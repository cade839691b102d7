package plan

import (
	"strings"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

func TestServiceStartsItsTasksAndSettles(t *testing.T) {
	w := newWorld(t, 3)
	w.until("steady", 10, 10*time.Second, w.steady)
	first := w.service.Rollouts[0]
	if len(w.tasks) != 3 || first.State != api.DeploymentRolloutStateCompleted || w.service.Completed != "r1" {
		t.Fatalf("tasks %d, rollout %+v", len(w.tasks), first)
	}
	for _, text := range []string{"(deployment " + first.ID + ") deployment completed.", textSteady} {
		if !w.told(text) {
			t.Errorf("no event %q in %q", text, w.events)
		}
	}
	n := len(w.events)
	w.until("told again", 10, time.Hour, func() bool { return len(w.events) > n })
	if got := w.events[n]; got != "(service web) "+textSteady {
		t.Errorf("after six hours it said %q", got)
	}
}

func TestRollingUpdateStartsFirstAndStopsWhenHealthy(t *testing.T) {
	w := newWorld(t, 3)
	w.until("steady", 10, 10*time.Second, w.steady)
	w.deploy("r2")
	w.decide()
	if len(w.tasks) != 6 || len(w.stops) != 0 {
		t.Fatalf("%d tasks, stops %v: all new ones should be there and none should go", len(w.tasks), w.stops)
	}
	w.until("steady", 20, 10*time.Second, w.steady)
	if w.running("r2") != 3 || len(w.tasks) != 3 || len(w.service.Rollouts) != 1 {
		t.Fatalf("tasks %s", w.list())
	}
	if got := w.stops[0].Reason; got != "Scaling activity initiated by (deployment "+w.service.Rollouts[0].ID+")" {
		t.Errorf("stopped because of %q", got)
	}
	if w.service.Deployment.Status != api.ServiceDeploymentStatusSuccessful {
		t.Errorf("the deployment is %s", w.service.Deployment.Status)
	}
}

func TestRollingUpdateWithoutRoomStopsDownToTheMinimum(t *testing.T) {
	w := newWorld(t, 4)
	w.service.Minimum, w.service.Maximum = 50, 100
	w.until("steady", 10, 10*time.Second, w.steady)
	w.deploy("r2")
	w.decide()
	if len(w.stops) != 2 || len(w.tasks) != 4 {
		t.Fatalf("stopped %d", len(w.stops))
	}
	w.until("steady", 50, 10*time.Second, w.steady)
	if w.running("r2") != 4 {
		t.Fatal(w.list())
	}
}

func TestRollingUpdateThatItsConfigurationForbidsIsTold(t *testing.T) {
	w := newWorld(t, 1)
	w.service.Minimum, w.service.Maximum = 100, 100
	w.until("steady", 10, 10*time.Second, w.steady)
	w.deploy("r2")
	for range 10 {
		w.decide()
		w.step(time.Minute)
	}
	if !w.told(textConfiguration) || w.running("r1") != 1 || len(w.tasks) != 1 {
		t.Fatalf("events %q, tasks %s", w.events, w.list())
	}
}

// When the machines have no room for more, the minimum is what lets a deployment go on.
func TestRollingUpdateOnFullMachines(t *testing.T) {
	w := newWorld(t, 4)
	w.service.Minimum, w.room = 50, 4
	w.until("steady", 10, 10*time.Second, w.steady)
	w.deploy("r2")
	w.until("steady", 100, 5*time.Second, w.steady)
	if w.running("r2") != 4 {
		t.Fatal(w.list())
	}
}

func TestTasksThatNeverStartTripTheBreaker(t *testing.T) {
	w := newWorld(t, 3)
	w.service.Breaker = Breaker{Enable: true, Rollback: true}
	w.until("steady", 10, 10*time.Second, w.steady)
	good := w.service.Rollouts[0].ID
	w.deploy("bad")
	bad := w.service.Rollouts[0].ID
	w.start = func(task *Task) bool { return task.Rollout != bad }
	w.until("steady", 50, time.Second, w.steady)
	if w.running("r1") != 3 || w.service.Rollouts[0].ID != good || w.service.Deployment.Status != api.ServiceDeploymentStatusRollbackSuccessful {
		t.Fatalf("rollouts %+v, deployment %+v", w.service.Rollouts, w.service.Deployment)
	}
	for _, text := range []string{"(deployment " + bad + ") deployment failed: tasks failed to start.", "rolling back to deployment " + good + "."} {
		if !w.told(text) {
			t.Errorf("no event %q in %q", text, w.events)
		}
	}
	if len(w.stops) != 0 {
		t.Errorf("healthy tasks were stopped: %+v", w.stops)
	}
}

func TestTasksThatStartAndDieTripTheBreaker(t *testing.T) {
	w := newWorld(t, 2)
	w.service.Breaker = Breaker{Enable: true}
	w.behave = func(task *Task) { w.ends(task, api.TaskStopCodeEssentialContainerExited) }
	w.until("failed", 60, time.Second, func() bool { return w.service.Rollouts[0].State == api.DeploymentRolloutStateFailed })
	started := w.made
	for range 20 {
		w.step(time.Hour)
		if plan := w.decide(); len(plan.Start) > 0 {
			t.Fatalf("a failed deployment started %+v", plan.Start)
		}
	}
	if got := w.service.Rollouts[0].Reason; got != "ECS deployment circuit breaker: tasks failed to start." || started == 0 {
		t.Errorf("the reason is %q", got)
	}
}

func TestTasksThatTurnUnhealthyTripTheBreaker(t *testing.T) {
	w := newWorld(t, 2)
	w.service.Breaker = Breaker{Enable: true, Rollback: true}
	w.service.Grace = 30 * time.Second
	w.behave = func(task *Task) { task.Checked, task.Health = true, api.HealthStatusHealthy }
	w.until("steady", 20, 10*time.Second, w.steady)
	w.deploy("bad")
	bad := w.service.Rollouts[0].ID
	w.behave = func(task *Task) {
		if task.Checked, task.Health = true, api.HealthStatusHealthy; task.Rollout == bad {
			task.Health = api.HealthStatusUnhealthy
		}
	}
	w.until("rolled back", 200, 5*time.Second, w.steady)
	if w.running("r1") != 2 || w.service.Deployment.Status != api.ServiceDeploymentStatusRollbackSuccessful {
		t.Fatalf("deployment %+v", w.service.Deployment)
	}
	for _, s := range w.stops[:3] {
		if s.Reason != reasonContainer {
			t.Errorf("stopped because of %q", s.Reason)
		}
	}
	if !w.told("(task " + w.stops[0].Task + ") failed container health checks.") {
		t.Errorf("events %q", w.events)
	}
}

func TestRollbackOfARollback(t *testing.T) {
	w := newWorld(t, 2)
	w.service.Breaker = Breaker{Enable: true, Rollback: true}
	w.until("steady", 10, 10*time.Second, w.steady)
	w.tasks = nil // its tasks are lost, and no task starts any more
	w.deploy("bad")
	w.start = func(*Task) bool { return false }
	w.until("failed", 100, 10*time.Second, func() bool { return w.service.Deployment.Status == api.ServiceDeploymentStatusRollbackFailed })
	if r := w.service.Rollouts[0]; r.Revision != "r1" || r.State != api.DeploymentRolloutStateFailed {
		t.Fatalf("rollouts %+v", w.service.Rollouts)
	}
	// Only an update helps: it is a deployment of its own.
	w.start = nil
	w.deploy("r3")
	w.until("steady", 20, 10*time.Second, w.steady)
}

func TestUpdateDuringADeployment(t *testing.T) {
	w := newWorld(t, 3)
	w.until("steady", 10, 10*time.Second, w.steady)
	w.deploy("r2")
	w.decide()
	w.deploy("r3") // those of r2 have not started: they go at once
	w.decide()
	for _, s := range w.stops {
		if w.rollout(w.task(s.Task).Rollout).Revision != "r2" {
			t.Errorf("stopped %+v", s)
		}
	}
	w.until("steady", 30, 10*time.Second, w.steady)
	if w.running("r3") != 3 || len(w.tasks) != 3 {
		t.Fatal(w.list())
	}
}

func TestDeleteDuringADeployment(t *testing.T) {
	w := newWorld(t, 3)
	w.until("steady", 10, 10*time.Second, w.steady)
	w.tasks[0].ProtectedUntil = w.now.Add(time.Hour)
	w.deploy("r2")
	w.decide()
	w.service.Deleted = true
	for range 10 {
		if w.decide().Inactive {
			return
		}
		w.step(time.Second)
	}
	t.Fatal(w.list())
}

func TestProtectedTasksAreReplacedWhenTheirProtectionEnds(t *testing.T) {
	w := newWorld(t, 2)
	w.until("steady", 10, 10*time.Second, w.steady)
	until := w.now.Add(time.Hour)
	w.tasks[0].ProtectedUntil = until
	w.deploy("r2")
	var wake time.Time
	for range 20 {
		wake = w.decide().Wake
		w.step(10 * time.Second)
	}
	if w.running("r1") != 1 || w.running("r2") != 2 || !wake.Equal(until) {
		t.Fatalf("wake at %v, tasks %s", wake, w.list())
	}
	w.now = until
	w.until("steady", 10, 10*time.Second, w.steady)
	if w.running("r1") != 0 {
		t.Fatal(w.list())
	}
}

func TestScaleInTakesWhatIsMissedLeast(t *testing.T) {
	w := newWorld(t, 5)
	w.zones = []string{"a", "b"}
	w.until("steady", 10, 10*time.Second, w.steady)
	for i, zone := range []string{"a", "a", "a", "b", "b"} {
		w.tasks[i].Zone = zone
	}
	w.tasks[0].ProtectedUntil = w.now.Add(time.Hour)
	w.service.Desired = 2
	w.decide()
	left := ""
	for _, task := range w.tasks {
		if !task.Told {
			left += task.Zone
		}
	}
	if left != "ab" || w.tasks[0].Told {
		t.Errorf("left in zones %q: %s", left, w.list())
	}
}

func TestCapacityGoneAndBack(t *testing.T) {
	w := newWorld(t, 4)
	w.room = 2
	w.until("half of them run", 20, 10*time.Second, func() bool { return w.running("r1") == 2 && !w.full.Until.IsZero() })
	w.room = -1
	w.until("steady", 20, 10*time.Second, w.steady)
}

func TestFailedStartsBackOffAndAnUpdateEndsIt(t *testing.T) {
	w := newWorld(t, 1)
	w.start = func(*Task) bool { return false }
	var starts []time.Time
	for range 4000 {
		if plan := w.decide(); len(plan.Start) > 0 {
			starts = append(starts, w.now)
		}
		w.step(time.Second)
	}
	if n := len(starts); n < 8 || n > 16 {
		t.Errorf("%d starts in 4,000 s", n)
	}
	if starts[1].Sub(starts[0]) > 2*time.Second {
		t.Errorf("the first restart came after %v", starts[1].Sub(starts[0]))
	}
	if !w.told("is unable to consistently start tasks successfully.") {
		t.Errorf("events %q", w.events)
	}
	w.start = nil
	w.deploy("r2")
	if plan := w.decide(); len(plan.Start) != 1 {
		t.Error("an update waits for the back-off of what it replaces")
	}
}

func TestFlappingTasksAreReplacedAtOnce(t *testing.T) {
	w := newWorld(t, 1)
	w.until("steady", 10, 10*time.Second, w.steady)
	for range 5 {
		w.ends(w.tasks[0], api.TaskStopCodeEssentialContainerExited)
		if plan := w.decide(); len(plan.Start) != 1 {
			t.Fatalf("a task that was healthy is not replaced: %+v", plan)
		}
		w.until("steady", 10, 10*time.Second, w.steady)
	}
}

func TestClockThatJumps(t *testing.T) {
	for _, jump := range []time.Duration{-48 * time.Hour, 48 * time.Hour} {
		w := newWorld(t, 2)
		starts := 0
		w.start = func(*Task) bool { starts++; return starts > 6 }
		for range 4 {
			w.decide()
			w.step(time.Second)
		}
		w.now = w.now.Add(jump)
		w.until("steady after "+jump.String(), 60, 5*time.Second, w.steady)
	}
}

func TestUnhealthyTaskIsReplacedBeforeItIsStopped(t *testing.T) {
	w := newWorld(t, 2)
	w.behave = func(task *Task) {
		if task.Checked = true; task.Health == "" {
			task.Health = api.HealthStatusHealthy
		}
	}
	w.until("steady", 10, 10*time.Second, w.steady)
	sick := w.tasks[0]
	sick.Health = api.HealthStatusUnhealthy
	if plan := w.decide(); len(plan.Start) != 1 || len(plan.Stop) != 0 {
		t.Fatalf("plan %+v", plan)
	}
	w.until("steady", 10, 10*time.Second, w.steady)
	if len(w.stops) != 1 || w.stops[0].Task != sick.ID || w.stops[0].Reason != reasonContainer {
		t.Errorf("stops %+v", w.stops)
	}
}

func TestZonesAreBalancedOneTaskAtATime(t *testing.T) {
	w := newWorld(t, 5)
	w.service.Rebalance, w.zones = true, []string{"a", "b"}
	w.until("steady", 10, 10*time.Second, w.steady)
	for _, task := range w.tasks {
		task.Zone = "a"
	}
	most := 0
	w.until("balanced", 60, 10*time.Second, func() bool {
		in := map[string]int{}
		for _, task := range w.tasks {
			if !task.Told {
				in[task.Zone]++
			}
		}
		most = max(most, in["a"]+in["b"])
		return w.steady() && in["a"] == 3 && in["b"] == 2
	})
	if most != 6 {
		t.Errorf("%d tasks at most: one at a time is moved", most)
	}
	for _, text := range []string{"is not AZ balanced with 5 tasks in a, and 0 tasks in b. AZ Rebalancing in progress.",
		"has stopped 1 running tasks in a due to AZ rebalancing: (task " + w.stops[0].Task + ").", "is AZ balanced with 3 tasks in a, and 2 tasks in b."} {
		if !w.told(text) {
			t.Errorf("no event %q in %q", text, w.events)
		}
	}
	n := len(w.stops)
	for range 10 {
		w.decide()
		w.step(time.Minute)
	}
	if len(w.stops) != n {
		t.Errorf("balanced zones go on being balanced: %+v", w.stops[n:])
	}
}

func TestTasksOfDrainingInstancesAreReplaced(t *testing.T) {
	w := newWorld(t, 2)
	w.until("steady", 10, 10*time.Second, w.steady)
	w.instances["m1"] = Instance{ID: "m1", Draining: true}
	w.machine("m2")
	if plan := w.decide(); len(plan.Start) != 1 || len(plan.Stop) != 0 {
		t.Fatalf("plan %+v", plan)
	}
	w.until("moved", 20, 10*time.Second, func() bool {
		return w.steady() && strings.Count(w.list(), "Instance:m2") == 2 && len(w.tasks) == 2
	})
}

func TestCapacityProvidersGetTheirParts(t *testing.T) {
	w := newWorld(t, 6)
	w.service.Rollouts[0].Providers = []Provider{{Name: "spot", Weight: 3}, {Name: "demand", Base: 2, Weight: 1}}
	plan := Decide(w.service, w.world())
	if got := plan.Start[0].Providers; len(got) != 2 || got[0] != (Part{"spot", 3}) || got[1] != (Part{"demand", 3}) {
		t.Errorf("parts %+v", got)
	}
}
