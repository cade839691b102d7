package plan

import (
	"maps"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// newShift is a service of three tasks that has settled on r1, with a strategy that shifts the traffic.
func newShift(t failer, strategy api.DeploymentStrategy, c api.DeploymentConfiguration) *world {
	w := newWorld(t, 3)
	c.Strategy = strategy
	w.service.Strategy, w.service.Shift = strategy, ShiftOf(&c)
	w.service.Shift.Listeners = []Listener{{Group: "blue", Alternate: "green", Production: "p", Test: "t"}}
	w.until("steady", 20, 10*time.Second, w.steady)
	return w
}

// traffic is what a rule forwards to the target groups after the last decision.
func traffic(plan Plan, rule string) map[string]int {
	for _, w := range plan.Weights {
		if w.Rule == rule {
			return w.Groups
		}
	}
	return nil
}

func wantTraffic(t *testing.T, plan Plan, rule string, blue, green int) {
	t.Helper()
	if got, want := traffic(plan, rule), map[string]int{"blue": blue, "green": green}; !maps.Equal(got, want) {
		t.Errorf("rule %s forwards by %v, want %v", rule, got, want)
	}
}

func minutes(n int32) *int32 { return &n }

func TestBlueGreenShiftsWhenAllAreHealthyAndBakes(t *testing.T) {
	w := newShift(t, api.DeploymentStrategyBlueGreen, api.DeploymentConfiguration{BakeTimeInMinutes: minutes(10)})
	wantTraffic(t, w.decide(), "p", 100, 0)
	w.deploy("r2")
	w.until("all there", 5, 10*time.Second, func() bool { return w.running("r2") == 3 })
	if plan := w.decide(); w.running("r1") != 3 || w.service.Deployment.Stage != api.ServiceDeploymentLifecycleStageScaleUp {
		t.Errorf("stage %s, %d of r1", w.service.Deployment.Stage, w.running("r1"))
	} else {
		wantTraffic(t, plan, "p", 100, 0)
	}
	w.until("shifted", 10, 10*time.Second, func() bool { return w.service.Deployment.Stage == api.ServiceDeploymentLifecycleStageBakeTime })
	shifted := w.now
	plan := w.decide()
	wantTraffic(t, plan, "p", 0, 100)
	wantTraffic(t, plan, "t", 0, 100)
	w.until("cleaned up", 100, 10*time.Second, func() bool { return w.running("r1") == 0 })
	if took := w.now.Sub(shifted); took < 10*time.Minute || took > 11*time.Minute {
		t.Errorf("it baked for %v", took)
	}
	w.until("steady", 10, 10*time.Second, w.steady)
	if d := w.service.Deployment; d.Status != api.ServiceDeploymentStatusSuccessful || w.service.Completed != "r2" || len(w.tasks) != 3 {
		t.Errorf("deployment %+v, tasks %s", d, w.list())
	}

	w.deploy("r3") // the other way
	w.until("steady", 200, 10*time.Second, w.steady)
	wantTraffic(t, w.decide(), "p", 100, 0)
}

func TestCanaryAndLinearShiftInSteps(t *testing.T) {
	percent := 12.5
	for _, c := range []struct {
		name     string
		strategy api.DeploymentStrategy
		with     api.DeploymentConfiguration
		want     []int // green's weights, in tenths of a percent
		bake     time.Duration
	}{
		{"canary", api.DeploymentStrategyCanary, api.DeploymentConfiguration{}, []int{0, 50, 1000}, 10 * time.Minute},
		{"canary of 12.5 percent", api.DeploymentStrategyCanary, api.DeploymentConfiguration{CanaryConfiguration: &api.CanaryConfiguration{CanaryPercent: &percent, CanaryBakeTimeInMinutes: minutes(2)}},
			[]int{0, 125, 1000}, 2 * time.Minute},
		{"linear", api.DeploymentStrategyLinear, api.DeploymentConfiguration{LinearConfiguration: &api.LinearConfiguration{StepPercent: new(40.0), StepBakeTimeInMinutes: minutes(1)}},
			[]int{0, 400, 800, 1000}, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newShift(t, c.strategy, c.with)
			w.deploy("r2")
			seen, at := []int{}, []time.Time{}
			for range 1000 {
				plan := w.decide()
				groups := traffic(plan, "p")
				share := groups["green"] * All / (groups["green"] + groups["blue"])
				if len(seen) == 0 || seen[len(seen)-1] != share {
					seen, at = append(seen, share), append(at, w.now)
				}
				if !plan.Again {
					if w.steady() {
						break
					}
					w.step(5 * time.Second)
				}
			}
			if len(seen) != len(c.want) {
				t.Fatalf("green had %v, want %v", seen, c.want)
			}
			for i := range seen {
				if seen[i] != c.want[i] {
					t.Errorf("green had %v, want %v", seen, c.want)
				}
			}
			for i := 2; i < len(at); i++ {
				if took := at[i].Sub(at[i-1]); took < c.bake || took > c.bake+10*time.Second {
					t.Errorf("step %d came after %v, want %v", i, took, c.bake)
				}
			}
		})
	}
}

// paused is a blue/green deployment that stands before the shift of the production traffic.
func paused(t *testing.T, with api.DeploymentLifecycleHook) *world {
	with.TargetType = api.DeploymentLifecycleHookTargetTypePause
	with.LifecycleStages = []api.DeploymentLifecycleHookStage{api.DeploymentLifecycleHookStagePostTestTrafficShift}
	w := newWorld(t, 3)
	c := api.DeploymentConfiguration{Strategy: api.DeploymentStrategyBlueGreen, BakeTimeInMinutes: minutes(5)}
	w.service.Strategy, w.service.Shift = c.Strategy, ShiftOf(&c)
	w.service.Shift.Listeners = []Listener{{Group: "blue", Alternate: "green", Production: "p", Test: "t"}}
	w.until("steady", 20, 10*time.Second, w.steady)
	c.LifecycleHooks = []api.DeploymentLifecycleHook{with}
	w.service.Shift.Hooks = hooksOf(&c)
	w.deploy("r2")
	w.until("pauses", 20, 10*time.Second, func() bool { return len(w.service.Deployment.Calls) == 1 })
	plan := w.decide()
	wantTraffic(t, plan, "p", 100, 0)
	wantTraffic(t, plan, "t", 0, 100)
	if call := w.service.Deployment.Calls[0]; call.Status != api.DeploymentLifecycleHookStatusAwaitingAction {
		t.Fatalf("%+v", call)
	}
	return w
}

func TestPauseIsContinuedOrRolledBack(t *testing.T) {
	t.Run("continued", func(t *testing.T) {
		w := paused(t, api.DeploymentLifecycleHook{})
		w.step(time.Hour)
		w.service.Deployment.Calls[0].Status = api.DeploymentLifecycleHookStatusSucceeded
		w.until("steady", 100, 10*time.Second, w.steady)
		if w.running("r2") != 3 || w.service.Deployment.Status != api.ServiceDeploymentStatusSuccessful {
			t.Error(w.list())
		}
	})
	back := func(t *testing.T, w *world, status api.DeploymentLifecycleHookStatus) {
		t.Helper()
		w.until("steady", 100, 10*time.Second, w.steady)
		plan := w.decide()
		wantTraffic(t, plan, "p", 100, 0)
		wantTraffic(t, plan, "t", 100, 0)
		if d := w.service.Deployment; w.running("r1") != 3 || len(w.tasks) != 3 || d.Status != api.ServiceDeploymentStatusRollbackSuccessful || d.Calls[0].Status != status {
			t.Errorf("deployment %+v, tasks %s", d, w.list())
		}
	}
	t.Run("rolled back", func(t *testing.T) {
		w := paused(t, api.DeploymentLifecycleHook{})
		w.service.Deployment.Calls[0].Status = api.DeploymentLifecycleHookStatusFailed
		back(t, w, api.DeploymentLifecycleHookStatusFailed)
	})
	t.Run("nobody answers", func(t *testing.T) {
		w := paused(t, api.DeploymentLifecycleHook{})
		w.step(24 * time.Hour)
		back(t, w, api.DeploymentLifecycleHookStatusTimedOut)
	})
	t.Run("nobody answers, and it is to go on", func(t *testing.T) {
		w := paused(t, api.DeploymentLifecycleHook{TimeoutConfiguration: &api.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: minutes(30),
			Action: api.DeploymentLifecycleHookActionContinue}})
		w.step(29 * time.Minute)
		if w.decide(); w.service.Deployment.Stage != api.ServiceDeploymentLifecycleStagePostTestTrafficShift {
			t.Errorf("it is at %s", w.service.Deployment.Stage)
		}
		w.step(time.Minute)
		w.until("steady", 100, 10*time.Second, w.steady)
		if w.running("r2") != 3 {
			t.Error(w.list())
		}
	})
}

// A target whose tasks die never gets the traffic, and the one that serves loses none of its tasks.
func TestShiftIsRolledBackByTheCircuitBreaker(t *testing.T) {
	w := newShift(t, api.DeploymentStrategyCanary, api.DeploymentConfiguration{})
	w.service.Breaker = Breaker{Enable: true, Rollback: true}
	w.deploy("r2")
	target := w.service.Rollouts[0].ID
	w.start = func(task *Task) bool { return task.Rollout != target }
	w.until("steady", 200, 10*time.Second, func() bool {
		if w.running("r1") != 3 {
			t.Fatalf("r1 lost tasks: %s", w.list())
		}
		return w.steady()
	})
	if d := w.service.Deployment; d.Status != api.ServiceDeploymentStatusRollbackSuccessful || d.Rollback == nil || d.Rollback.Revision != "r1" {
		t.Errorf("%+v", d)
	}
	wantTraffic(t, w.decide(), "p", 100, 0)
}

// An update in the middle of a canary takes the traffic from what the first one had, and uses its target groups once it is gone.
func TestUpdateDuringAShift(t *testing.T) {
	w := newShift(t, api.DeploymentStrategyCanary, api.DeploymentConfiguration{})
	w.deploy("r2")
	w.until("the canary", 20, 10*time.Second, func() bool { return w.service.Deployment.Step == 1 })
	wantTraffic(t, w.decide(), "p", 95, 5)
	w.deploy("r3")
	wantTraffic(t, w.decide(), "p", 100, 0)
	w.until("of r3", 20, 10*time.Second, func() bool {
		if w.running("r3") > 0 && w.running("r2") > 0 {
			t.Fatal("r2 and r3 are in one target group")
		}
		return w.running("r3") == 3
	})
	w.until("steady", 300, 10*time.Second, w.steady)
	if w.running("r3") != 3 || len(w.tasks) != 3 {
		t.Error(w.list())
	}
	wantTraffic(t, w.decide(), "p", 0, 100)
}

// A rolling update in the middle of a shift takes the place of what has most of the traffic, and leaves none to what it empties.
func TestRollingUpdateDuringAShift(t *testing.T) {
	for what, c := range map[string]struct {
		strategy    api.DeploymentStrategy
		with        api.DeploymentConfiguration
		blue, green int
	}{
		"at half of it":  {api.DeploymentStrategyCanary, api.DeploymentConfiguration{CanaryConfiguration: &api.CanaryConfiguration{CanaryPercent: new(50.0)}}, 100, 0},
		"while it bakes": {api.DeploymentStrategyBlueGreen, api.DeploymentConfiguration{BakeTimeInMinutes: minutes(10)}, 0, 100},
	} {
		t.Run(what, func(t *testing.T) {
			w := newShift(t, c.strategy, c.with)
			w.deploy("r2")
			w.until("shifted", 20, 10*time.Second, func() bool { return w.service.Rollouts[0].Share > 0 })
			w.service.Strategy = api.DeploymentStrategyRolling
			w.deploy("r3")
			w.until("steady", 50, 10*time.Second, func() bool {
				wantTraffic(t, w.decide(), "p", c.blue, c.green)
				return w.steady()
			})
			if w.running("r3") != 3 || len(w.tasks) != 3 || w.service.Rollouts[0].Alternate != (c.green > 0) {
				t.Error(w.service.Rollouts, w.list())
			}
		})
	}
}

func TestStoppedShiftGoesBack(t *testing.T) {
	w := newShift(t, api.DeploymentStrategyBlueGreen, api.DeploymentConfiguration{BakeTimeInMinutes: minutes(10)})
	w.deploy("r2")
	w.until("bakes", 20, 10*time.Second, func() bool { return w.service.Deployment.Stage == api.ServiceDeploymentLifecycleStageBakeTime })
	wantTraffic(t, w.decide(), "p", 0, 100)
	w.service.Deployment.Status = api.ServiceDeploymentStatusRollbackRequested
	w.decide()
	wantTraffic(t, w.decide(), "p", 100, 0)
	w.until("steady", 20, 10*time.Second, w.steady)
	if w.running("r1") != 3 || len(w.tasks) != 3 || w.service.Deployment.Status != api.ServiceDeploymentStatusRollbackSuccessful {
		t.Errorf("%+v %s", w.service.Deployment, w.list())
	}
}

// A service that has had rolling updates takes up another strategy with its next deployment.
func TestShiftAfterRollingUpdates(t *testing.T) {
	w := newWorld(t, 3)
	w.until("steady", 10, 10*time.Second, w.steady)
	c := api.DeploymentConfiguration{Strategy: api.DeploymentStrategyBlueGreen}
	w.service.Strategy, w.service.Shift = c.Strategy, ShiftOf(&c)
	w.service.Shift.Listeners = []Listener{{Group: "blue", Alternate: "green", Production: "p"}}
	w.deploy("r2")
	wantTraffic(t, w.decide(), "p", 100, 0)
	w.until("steady", 50, 10*time.Second, w.steady)
	wantTraffic(t, w.decide(), "p", 0, 100)
}

// What never was deployed whole is gone back to all the same, as long as it serves.
func TestShiftGoesBackToWhatNeverCompleted(t *testing.T) {
	w := paused(t, api.DeploymentLifecycleHook{})
	w.service.Completed = ""
	w.service.Deployment.Calls[0].Status = api.DeploymentLifecycleHookStatusFailed
	w.until("steady", 100, 10*time.Second, w.steady)
	if w.running("r1") != 3 || len(w.tasks) != 3 || w.service.Deployment.Status != api.ServiceDeploymentStatusRollbackSuccessful {
		t.Errorf("%+v %s", w.service.Deployment, w.list())
	}
}

// A clock that is set back lets no hook time out, by whatever it jumps.
func TestPauseOutlivesAClockThatIsSetBack(t *testing.T) {
	for _, action := range []api.DeploymentLifecycleHookAction{api.DeploymentLifecycleHookActionRollback, api.DeploymentLifecycleHookActionContinue} {
		for _, jump := range []time.Duration{time.Minute, time.Hour, 90 * time.Minute, 48 * time.Hour} {
			w := paused(t, api.DeploymentLifecycleHook{TimeoutConfiguration: &api.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: minutes(30), Action: action}})
			w.now = w.now.Add(-jump)
			w.decide()
			if call := w.service.Deployment.Calls[0]; call.Status != api.DeploymentLifecycleHookStatusAwaitingAction {
				t.Errorf("set back by %v, the hook is %s", jump, call.Status)
			}
		}
	}
}
