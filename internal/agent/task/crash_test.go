package task

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
)

// fate is a task's story and what is true at its end, however often the agent died on the way.
type fate struct {
	name     string
	change   func(*acs.Task) // of the payload
	scripts  map[string]fake.Behaviour
	stop     bool // the control plane stops it after ten seconds
	statuses []string
	starts   map[string]int
	reason   string         // of the task
	exits    map[string]int // exit codes in the last report
	reasons  map[string]string
}

var fates = []fate{{
	name: "runs until it is stopped, and loses a container on the way",
	scripts: map[string]fake.Behaviour{
		"web:1":  {PullTakes: time.Second, StopTakes: 2 * time.Second, StopCode: 5},
		"side:1": {Runs: 3 * time.Second, ExitCode: 2},
	},
	stop: true, statuses: []string{running, stopped}, starts: map[string]int{idA + "/web": 1, idA + "/side": 1},
	exits: map[string]int{"web": 5, "side": 2},
}, {
	name: "ends with its essential container",
	scripts: map[string]fake.Behaviour{
		"web:1":  {Runs: 4 * time.Second, ExitCode: 1},
		"side:1": {Stubborn: true},
	},
	statuses: []string{running, stopped}, starts: map[string]int{idA + "/web": 1, idA + "/side": 1},
	exits: map[string]int{"web": 1, "side": 137},
}, {
	name:     "cannot have its essential image",
	scripts:  map[string]fake.Behaviour{"web:1": {PullTakes: time.Second, PullFails: "not found"}},
	statuses: []string{stopped}, starts: map[string]int{}, exits: map[string]int{},
	reasons: map[string]string{"web": "CannotPullContainerError: not found"},
}, {
	name:     "runs without a container that cannot start",
	scripts:  map[string]fake.Behaviour{"side:1": {StartFails: "exec: no such file"}},
	stop:     true,
	statuses: []string{running, stopped}, starts: map[string]int{idA + "/web": 1}, exits: map[string]int{"web": 0},
	reasons: map[string]string{"side": "CannotStartContainerError: exec: no such file"},
}, {
	name:   "has a network for each container",
	change: inBridgeMode,
	stop:   true, statuses: []string{running, stopped}, starts: map[string]int{idA + "/web": 1, idA + "/side": 1},
	exits: map[string]int{"web": 0, "side": 0},
}, {
	name:     "is stopped while its image is pulled",
	scripts:  map[string]fake.Behaviour{"web:1": {PullTakes: time.Hour}},
	stop:     true,
	statuses: []string{stopped}, starts: map[string]int{}, exits: map[string]int{},
}, {
	name:    "starts a container once another has succeeded",
	scripts: map[string]fake.Behaviour{"side:1": {Runs: 2 * time.Second}},
	change:  webWaitsFor(acs.ContainerConditionSuccess),
	stop:    true, statuses: []string{running, stopped}, starts: map[string]int{idA + "/web": 1, idA + "/side": 1},
	exits: map[string]int{"web": 0, "side": 0},
}, {
	name: "starts a container once another is healthy",
	change: func(t *acs.Task) {
		webWaitsFor(acs.ContainerConditionHealthy)(t)
		checked(&t.Containers[1])
	},
	stop: true, statuses: []string{running, stopped}, starts: map[string]int{idA + "/web": 1, idA + "/side": 1},
	exits: map[string]int{"web": 0, "side": 0},
}, {
	name:     "has a container that waits in vain",
	scripts:  map[string]fake.Behaviour{"side:1": {Runs: 2 * time.Second, ExitCode: 3}},
	change:   webWaitsFor(acs.ContainerConditionSuccess),
	statuses: []string{stopped}, starts: map[string]int{idA + "/side": 1}, exits: map[string]int{"side": 3},
	reasons: map[string]string{"web": "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [side(side:1) (STOPPED->RUNNING) - Exit: 3] for target [web(web:1) (CREATED->RUNNING)] as dependency did not exit successfully."},
}, {
	name: "has a container that waits for too long, for what ends well when it is stopped",
	change: func(t *acs.Task) {
		three := int32(3)
		webWaitsFor(acs.ContainerConditionSuccess)(t)
		t.Containers[1].StartTimeout = &three
	},
	statuses: []string{stopped}, starts: map[string]int{idA + "/side": 1}, exits: map[string]int{"side": 0},
	reasons: map[string]string{"web": "CannotStartContainerError: dependency graph: container ordering dependency [side(side:1) (RUNNING->RUNNING)] for target [web(web:1) (CREATED->RUNNING)] has timed out."},
}, {
	name:    "has its essential container restarted, twice",
	scripts: map[string]fake.Behaviour{"web:1": runsThen(1, 3*time.Second, 2*time.Second, time.Hour)},
	change: func(t *acs.Task) {
		second := int32(1)
		t.Containers[0].RestartPolicy = &acs.RestartPolicy{Enabled: true, RestartAttemptPeriod: &second}
	},
	stop: true, statuses: []string{running, stopped}, starts: map[string]int{idA + "/web": 3, idA + "/side": 1},
	exits: map[string]int{"web": 0, "side": 0},
}}

// webWaitsFor has the task's essential container wait for the one beside it.
func webWaitsFor(condition acs.ContainerCondition) func(*acs.Task) {
	return func(t *acs.Task) {
		t.Containers[0].DependsOn = []acs.ContainerDependency{{ContainerName: "side", Condition: condition}}
	}
}

// TestTheAgentDiesAtEveryStep kills the agent before and after each of its steps into the world outside, starts the
// next one on what it left, and checks that the task's story is the same as if nothing had happened.
func TestTheAgentDiesAtEveryStep(t *testing.T) {
	for _, f := range fates {
		t.Run(f.name, func(t *testing.T) {
			for _, after := range []bool{false, true} {
				steps := 0
				for nth := 1; ; nth++ {
					died := false
					synctest.Test(t, func(t *testing.T) {
						kill := &executioner{nth: nth, after: after}
						defer func() { died = kill.step != "" }()
						f.unfold(t, kill)
						if t.Failed() {
							t.Fatalf("the agent died at step %d, %s (after it: %t)", nth, kill.step, after)
						}
					})
					if t.Failed() || !died {
						break
					}
					steps = nth
				}
				t.Logf("died at each of %d steps (after the step: %t)", steps, after)
				if steps < 8 && !t.Failed() {
					t.Errorf("only %d steps", steps)
				}
			}
		})
	}
}

// An agent that dies while the engine makes a task may take along what was to keep it. Nothing ran: it begins again.
func TestATaskWhoseCreationWasCutOffBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		kill := &executioner{upon: "CreateTask", after: true}
		a := w.start(kill)
		if err := a.apply(payload()); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		a.die()
		if kill.step != "CreateTask" {
			t.Fatalf("it died at %q", kill.step)
		}
		w.machine.Lose(idA, "It was only half made.")
		a = w.start(&executioner{})
		after(time.Second)
		if last := w.last(arnA); last.Status != running || w.machine.Starts()[idA+"/web"] != 1 {
			t.Errorf("it started %v and was last reported as %+v", w.machine.Starts(), last)
		}
		a.die()
	})
}

func (f fate) unfold(t *testing.T, kill *executioner) {
	w := newWorld(t)
	for image, b := range f.scripts {
		w.machine.Script(image, b)
	}
	a := w.start(kill)
	// alive is an agent that lives: another one, ten milliseconds after the death of the first.
	alive := func() *agent {
		if a.kill.dead() {
			a.die()
			time.Sleep(10 * time.Millisecond)
			a = w.start(&executioner{})
		}
		return a
	}
	change := f.change
	if change == nil {
		change = func(*acs.Task) {}
	}
	for alive().apply(payload(change)) != nil { // sent until it is acknowledged
	}
	end := time.Now().Add(10 * time.Second)
	for time.Now().Before(end) {
		time.Sleep(50 * time.Millisecond)
		alive()
	}
	if f.stop {
		for alive().apply(payload(change, toStop)) != nil {
		}
	}
	deadline := time.Now().Add(2 * time.Minute)
	for done := false; !done && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		done = len(alive().remembered()) == 0 && len(w.leftovers()) == 0
	}
	f.check(t, w, alive())
	a.die()
}

func (f fate) check(t *testing.T, w *world, a *agent) {
	for _, left := range append(w.leftovers(), a.remembered()...) {
		t.Errorf("left over: %s", left)
	}
	if got := w.machine.Starts(); !maps.Equal(got, f.starts) {
		t.Errorf("starts: %v, want %v", got, f.starts)
	}
	for container := range f.starts {
		if !w.logs.drained[container] {
			t.Errorf("the output of %s was not shipped to its end", container)
		}
	}
	statuses := w.statuses(arnA)
	statuses = slices.DeleteFunc(statuses, func(s string) bool { return s == pending })
	if !slices.Equal(statuses, f.statuses) {
		t.Errorf("reported %v, want %v", statuses, f.statuses)
	}
	last := w.last(arnA)
	if last.Reason != f.reason {
		t.Errorf("the task's reason is %q, want %q", last.Reason, f.reason)
	}
	if len(last.Containers) != 2 {
		t.Errorf("the last report has %d containers", len(last.Containers))
	}
	for _, c := range last.Containers {
		code, exited := f.exits[c.ContainerName]
		if got := "none"; c.ExitCode != nil {
			got = fmt.Sprint(*c.ExitCode)
			if !exited || int(*c.ExitCode) != code {
				t.Errorf("%s has exit code %s, want %d (%t)", c.ContainerName, got, code, exited)
			}
		} else if exited {
			t.Errorf("%s has no exit code, want %d", c.ContainerName, code)
		}
		if c.Status != stopped || c.Reason != f.reasons[c.ContainerName] {
			t.Errorf("%s is %s for %q, want %q", c.ContainerName, c.Status, c.Reason, f.reasons[c.ContainerName])
		}
	}
	if f.starts[idA+"/web"] > 0 && last.ExecutionStoppedAt.IsZero() {
		t.Error("the last report does not tell when the execution stopped")
	}
}
