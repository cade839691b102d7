package task

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
)

// restarted has a container restarted when it has run for a minute.
func restarted(ignored ...int32) func(*acs.Container) {
	return func(c *acs.Container) {
		minute := int32(60)
		c.RestartPolicy = &acs.RestartPolicy{Enabled: true, RestartAttemptPeriod: &minute, IgnoredExitCodes: ignored}
	}
}

// runsThen is a container that runs for so long each time.
func runsThen(code int, spans ...time.Duration) fake.Behaviour {
	b := fake.Behaviour{Runs: spans[0], ExitCode: code}
	if len(spans) > 1 {
		next := runsThen(code, spans[1:]...)
		b.Then = &next
	}
	return b
}

func TestARestartPolicy(t *testing.T) {
	forGood := 24 * time.Hour
	for _, c := range []struct {
		name   string
		script fake.Behaviour
		policy func(*acs.Container)
		starts int
		status string // of the task after an hour
		exit   string
	}{
		{"restarts what has run for long enough", runsThen(1, 61*time.Second, 2*time.Minute, forGood), restarted(), 3, running, ""},
		{"restarts what ended well, too", runsThen(0, time.Minute, forGood), restarted(), 2, running, ""},
		{"leaves what ends too soon", runsThen(1, 59*time.Second, forGood), restarted(), 1, stopped, "1"},
		{"leaves what ends too soon the second time", runsThen(2, 61*time.Second, 10*time.Second), restarted(), 2, stopped, "2"},
		{"leaves an exit code to be ignored", runsThen(42, 2*time.Minute, forGood), restarted(7, 42), 1, stopped, "42"},
		{"restarts what ran out of memory", fake.Behaviour{Runs: time.Minute, OOM: true, Then: &fake.Behaviour{}}, restarted(), 2, running, ""},
		{"waits for five minutes by default", runsThen(1, 4*time.Minute, forGood), func(c *acs.Container) { c.RestartPolicy = &acs.RestartPolicy{Enabled: true} }, 1, stopped, "1"},
		{"does nothing while it is not enabled", runsThen(1, time.Minute, forGood), func(c *acs.Container) { c.RestartPolicy = &acs.RestartPolicy{} }, 1, stopped, "1"},
		{"tells of what can't be started again", fake.Behaviour{Runs: time.Minute, ExitCode: 3, Then: &fake.Behaviour{StartFails: "no such file"}}, restarted(), 1, stopped, "3 CannotStartContainerError: no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, essential := range []bool{true, false} {
				lived(t, func(t *testing.T, w *world, a *agent) {
					_ = a.apply(composed(w, made{name: "job", essential: essential, script: c.script, change: c.policy}, made{name: "main", essential: true}))
					after(59 * time.Minute)
					if got := w.machine.Starts()[idA+"/job"]; got != c.starts {
						t.Errorf("it was started %d times, want %d", got, c.starts)
					}
					last := w.last(arnA)
					job := last.Containers[0]
					want := c.status
					if !essential {
						want = running
					}
					if last.Status != want || job.Status != c.status {
						t.Errorf("the task is %s, want %s; it is %s", last.Status, want, job.Status)
					}
					exit := ""
					if job.ExitCode != nil {
						exit = strings.TrimSpace(fmt.Sprint(*job.ExitCode, " ", job.Reason))
					}
					if exit != c.exit {
						t.Errorf("its end is %q, want %q", exit, c.exit)
					}
					if c.status == running { // nothing was told of its ends
						if reports := len(w.statuses(arnA)); reports != 1 {
							t.Errorf("%v was reported", w.changes)
						}
						if n := a.tasks[idA].describe().Containers[0].RestartCount; n == nil || *n != c.starts-1 {
							t.Errorf("its metadata tells of %v restarts", n)
						}
					}
				})
			}
		})
	}
}

func TestAStopIsForGood(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		_ = a.apply(composed(w, made{name: "job", essential: true, script: fake.Behaviour{StopTakes: time.Second, StopCode: 1}, change: restarted()}))
		after(2 * time.Minute)
		_ = a.Stop(t.Context(), []string{arnA})
		after(10 * time.Minute)
		if last := w.last(arnA); last.Status != stopped || w.machine.Starts()[idA+"/job"] != 1 {
			t.Errorf("%s, started %v", last.Status, w.machine.Starts())
		}
		for _, left := range append(w.leftovers(), a.remembered()...) {
			t.Errorf("left over: %s", left)
		}
	})
}

// What ended while no agent lived is restarted by the next, by how long it ran, not by when it is seen.
func TestTheNextAgentRestarts(t *testing.T) {
	for span, starts := range map[time.Duration]int{2 * time.Minute: 2, 50 * time.Second: 1} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			a := w.start(&executioner{})
			_ = a.apply(composed(w, made{name: "job", essential: true, script: runsThen(1, span, time.Hour), change: restarted()}))
			after(time.Second)
			a.die()
			time.Sleep(10 * time.Minute)
			a = w.start(&executioner{})
			defer a.die()
			after(time.Minute)
			if got := w.machine.Starts()[idA+"/job"]; got != starts {
				t.Errorf("after %s it was started %d times, want %d", span, got, starts)
			}
			if want := map[int]string{1: stopped, 2: running}[starts]; w.last(arnA).Status != want {
				t.Errorf("it is %s", w.last(arnA).Status)
			}
		})
	}
}

// Who waits for a container's end waits for the last one.
func TestARestartIsNoCompletion(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		begin := time.Now()
		_ = a.apply(composed(w, made{name: "app", essential: true, on: "job:COMPLETE"},
			made{name: "job", script: runsThen(1, 90*time.Second, 30*time.Second), change: restarted()}))
		after(5 * time.Minute)
		starts, _ := spans(t, w, begin)
		if starts["job"] != 90 || starts["app"] != 120 {
			t.Errorf("started after %v", starts)
		}
	})
}

// The health of a container that is restarted is not known until it is looked at again.
func TestARestartIsLookedAtAnew(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		_ = a.apply(composed(w, made{name: "web", essential: true, script: runsThen(1, 90*time.Second, time.Hour), change: func(c *acs.Container) {
			checked(c)
			restarted()(c)
		}}))
		after(95 * time.Second)
		if got := toldOf(w, "web"); !slices.Equal(got, []string{"HEALTHY 1", "UNKNOWN 90", "HEALTHY 91"}) {
			t.Errorf("its story is %q", got)
		}
	})
}

// An engine that is away when a container is to be restarted is asked again.
func TestARestartWaitsForTheEngine(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		a.kill.fails = func(step string) error {
			if step == "RestartContainer job" && time.Since(w.began) < 10*time.Minute {
				return engine.ErrUnavailable
			}
			return nil
		}
		_ = a.apply(composed(w, made{name: "job", essential: true, script: runsThen(1, time.Minute, time.Hour), change: restarted()}))
		after(11 * time.Minute)
		if last := w.last(arnA); last.Status != running || w.machine.Starts()[idA+"/job"] != 2 {
			t.Errorf("%s, started %v", last.Status, w.machine.Starts())
		}
	})
}
