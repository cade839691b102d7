package task

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
)

// made is a container of a test's task.
type made struct {
	name      string
	essential bool
	on        string // "name:CONDITION name:CONDITION"
	script    fake.Behaviour
	change    func(*acs.Container)
}

// composed has a task of these containers in place of web and side. Each has an image of its own name.
func composed(w *world, containers ...made) string {
	return payload(func(t *acs.Task) {
		plain := t.Containers[0]
		t.Containers = nil
		for _, m := range containers {
			c := plain
			c.DockerConfig = &acs.DockerConfig{Config: "{}", HostConfig: plain.DockerConfig.HostConfig}
			c.Name, c.Image, c.Essential = m.name, m.name, m.essential
			for _, d := range strings.Fields(m.on) {
				name, condition, _ := strings.Cut(d, ":")
				c.DependsOn = append(c.DependsOn, acs.ContainerDependency{ContainerName: name, Condition: acs.ContainerCondition(condition)})
			}
			if m.change != nil {
				m.change(&c)
			}
			w.machine.Script(m.name, m.script)
			t.Containers = append(t.Containers, c)
		}
	})
}

// checked gives a container a health check.
func checked(c *acs.Container) {
	c.HealthCheckType = acs.HealthCheckTypeDocker
	c.DockerConfig.Config = `{"Healthcheck":{"Test":["CMD-SHELL","well"],"Interval":10000000000,"Timeout":2000000000,"Retries":2,"StartPeriod":0}}`
}

// well is a check that succeeds from so long after the container's start on.
func well(after time.Duration) fake.Behaviour {
	from := time.Now().Add(after)
	return fake.Behaviour{Exec: func(context.Context, fake.Command) int {
		if time.Now().Before(from) {
			return 1
		}
		return 0
	}}
}

// spans tells when each container ran, in seconds since the test's clock began.
func spans(t *testing.T, w *world, begin time.Time) (starts, ends map[string]float64) {
	t.Helper()
	s, err := w.machine.Engine().Inspect(t.Context(), idA)
	if err != nil {
		t.Fatal(err)
	}
	starts, ends = map[string]float64{}, map[string]float64{}
	for _, c := range s.Containers {
		if !c.StartedAt.IsZero() {
			starts[c.Name] = c.StartedAt.Sub(begin).Seconds()
		}
		if !c.FinishedAt.IsZero() {
			ends[c.Name] = c.FinishedAt.Sub(begin).Seconds()
		}
	}
	return starts, ends
}

// The control plane is told of containers that ended in the order in which they did, wherever the definition names them.
func TestEndsAreReportedInOrder(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		_ = a.apply(composed(w,
			made{name: "last", essential: true, script: fake.Behaviour{StopTakes: time.Second}},
			made{name: "first", essential: true, script: fake.Behaviour{Runs: 3 * time.Second, ExitCode: 9}},
		))
		after(time.Minute)
		last := w.last(arnA)
		if last.Status != stopped || len(last.Containers) != 2 || last.Containers[0].ContainerName != "first" || last.Containers[1].ContainerName != "last" {
			t.Errorf("reported %+v", last)
		}
	})
}

func TestContainersStartAsTheirConditionsHold(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		begin := time.Now()
		_ = a.apply(composed(w,
			made{name: "app", essential: true, on: "migrate:SUCCESS cache:HEALTHY agent:START tidy:COMPLETE"},
			made{name: "tidy", script: fake.Behaviour{Runs: 2 * time.Second, ExitCode: 9}},
			made{name: "migrate", on: "db:START", script: fake.Behaviour{Runs: 3 * time.Second}},
			made{name: "db", essential: true, script: fake.Behaviour{StartTakes: time.Second}},
			made{name: "cache", script: well(5 * time.Second), change: checked},
			made{name: "agent", essential: true, script: fake.Behaviour{StartTakes: time.Second}},
			made{name: "linked", on: "app:START db:START"},
		))
		after(2 * time.Second)
		if last := w.last(arnA); last.Status != pending || len(last.Containers) == 0 {
			t.Errorf("while it waits it is reported as %+v", last)
		}
		after(28 * time.Second)
		starts, _ := spans(t, w, begin)
		// The check looks 1, 3 and 7 s after the start.
		for name, want := range map[string]float64{"tidy": 0, "cache": 0, "db": 1, "agent": 1, "migrate": 1, "app": 7, "linked": 7} {
			if got, ok := starts[name]; !ok || got != want {
				t.Errorf("%s started after %v s (%t), want %v", name, got, ok, want)
			}
		}
		last := w.last(arnA)
		if last.Status != running {
			t.Fatalf("reported %+v", last)
		}
		for _, c := range last.Containers {
			if over := c.ContainerName == "tidy" || c.ContainerName == "migrate"; over != (c.Status == stopped) || over != (c.ExitCode != nil) {
				t.Errorf("%s is reported as %+v", c.ContainerName, c)
			}
		}
	})
}

// never are dependencies that can't hold any more, and what is said of them.
func TestAConditionThatCanNeverHold(t *testing.T) {
	const app = " for target [app(app) (CREATED->RUNNING)] "
	three := int32(3)
	for _, c := range []struct {
		name   string
		on     string
		dep    made
		after  time.Duration
		reason string // of the container that waits
	}{
		{"success of what fails", "dep:SUCCESS", made{script: fake.Behaviour{Runs: time.Second, ExitCode: 3}}, 2 * time.Second,
			"CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [dep(dep) (STOPPED->RUNNING) - Exit: 3]" + app + "as dependency did not exit successfully."},
		{"any of what never starts", "dep:START", made{script: fake.Behaviour{StartFails: "no such file"}}, time.Second,
			"CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [dep(dep) (STOPPED->RUNNING)]" + app + "because dependency will never start"},
		{"any of what has no image", "dep:COMPLETE", made{script: fake.Behaviour{PullFails: "not found"}}, time.Second,
			"CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [dep(dep) (STOPPED->RUNNING)]" + app + "because dependency will never start"},
		{"health of what has exited", "dep:HEALTHY", made{script: fake.Behaviour{Runs: 500 * time.Millisecond}, change: checked}, time.Second,
			"CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [dep(dep) (STOPPED->RUNNING) - Exit: 0]" + app + "as dependency exited before it was healthy."},
		{"completion that takes longer than its startTimeout", "dep:COMPLETE", made{change: func(c *acs.Container) { c.StartTimeout = &three }}, 4 * time.Second,
			"CannotStartContainerError: dependency graph: container ordering dependency [dep(dep) (RUNNING->RUNNING)]" + app + "has timed out."},
		{"health that takes longer than the default", "dep:HEALTHY", made{script: well(time.Hour), change: checked}, 181 * time.Second,
			"CannotStartContainerError: dependency graph: container ordering dependency [dep(dep) (RUNNING->RUNNING)]" + app + "has timed out."},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, essential := range []bool{true, false} {
				lived(t, func(t *testing.T, w *world, a *agent) {
					if c.dep.name = "dep"; c.on == "dep:HEALTHY" && c.dep.script.Exec != nil {
						c.dep.script = well(time.Hour)
					}
					_ = a.apply(composed(w, made{name: "app", essential: essential, on: c.on}, c.dep, made{name: "main", essential: true}))
					after(c.after - time.Millisecond)
					last := w.last(arnA)
					if want := map[bool]string{true: stopped, false: running}[essential]; last.Status != want {
						t.Fatalf("it is %s, want %s", last.Status, want)
					}
					if got := last.Containers[0]; got.Status != stopped || got.Reason != c.reason {
						t.Errorf("reported %s because %q, want %q", got.Status, got.Reason, c.reason)
					}
					if n := w.machine.Starts()[idA+"/app"]; n != 0 {
						t.Errorf("it was started %d times", n)
					}
				})
			}
		})
	}
}

func TestContainersStopInTheReverseOrder(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		begin := time.Now()
		slow := fake.Behaviour{StopTakes: time.Second}
		_ = a.apply(composed(w,
			made{name: "proxy", essential: true, script: slow},
			made{name: "app", essential: true, on: "proxy:START", script: fake.Behaviour{Stubborn: true}, change: func(c *acs.Container) { two := int32(2); c.StopTimeout = &two }},
			made{name: "worker", on: "proxy:START", script: slow},
			made{name: "beside", script: slow},
			made{name: "shell", on: "app:START", script: slow},
			made{name: "done", on: "app:START", script: fake.Behaviour{Runs: time.Second}},
		))
		after(9 * time.Second)
		a.w.refuse = func(int) error { return errDead } // so that the containers can be looked at
		_ = a.Stop(t.Context(), []string{arnA})
		after(9 * time.Second)
		_, ends := spans(t, w, begin)
		for name, want := range map[string]float64{"done": 1, "beside": 10, "worker": 10, "shell": 10, "app": 12, "proxy": 13} {
			if ends[name] != want {
				t.Errorf("%s ended after %v s, want %v", name, ends[name], want)
			}
		}
		a.w.refuse = nil
	})
}

func TestAStopEndsTheWaiting(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		_ = a.apply(composed(w, made{name: "app", essential: true, on: "init:SUCCESS"}, made{name: "init"}))
		after(time.Second)
		_ = a.Stop(t.Context(), []string{arnA})
		after(time.Second)
		if last := w.last(arnA); last.Status != stopped || last.Containers[0].Reason != "" || w.machine.Starts()[idA+"/app"] != 0 {
			t.Errorf("reported %+v, started %v", last, w.machine.Starts())
		}
	})
}

func TestDependenciesThatNoOrderFulfils(t *testing.T) {
	for name, containers := range map[string][]made{
		"a circle":               {{name: "app", essential: true, on: "side:START"}, {name: "side", on: "app:START"}},
		"what is not there":      {{name: "app", essential: true, on: "nobody:START"}},
		"volumes of a dependant": {{name: "app", essential: true, change: func(c *acs.Container) { c.VolumesFrom = []acs.VolumeFrom{{SourceContainer: "side"}} }}, {name: "side", on: "app:START"}},
	} {
		t.Run(name, func(t *testing.T) {
			lived(t, func(t *testing.T, w *world, a *agent) {
				_ = a.apply(composed(w, containers...))
				after(time.Second)
				if last := w.last(arnA); last.Status != stopped || !strings.HasPrefix(last.Reason, "UnrecognizedTaskError: the dependencies of its container app are a circle") {
					t.Errorf("%s because %q", last.Status, last.Reason)
				}
			})
		})
	}
}

func TestContainersAreMadeInOrder(t *testing.T) {
	var names []string
	sorted, err := inOrder([]acs.Container{
		{Name: "c", VolumesFrom: []acs.VolumeFrom{{SourceContainer: "a"}}}, {Name: "b", Links: []string{"c:see"}}, {Name: "a"}, {Name: "d"},
	})
	for _, c := range sorted {
		names = append(names, c.Name)
	}
	if err != nil || !slices.Equal(names, []string{"a", "c", "b", "d"}) {
		t.Errorf("%v, %v", names, err)
	}
}

// An engine that does not answer is slow: the task waits, and goes on.
func TestAnEngineThatDoesNotAnswer(t *testing.T) {
	for _, step := range []string{"PullImage", "CreateTask", "CreateContainer app", "StartContainer app"} {
		t.Run(step, func(t *testing.T) {
			lived(t, func(t *testing.T, w *world, a *agent) {
				back := time.Now().Add(10 * time.Minute)
				a.kill.fails = func(s string) error {
					if s == step && time.Now().Before(back) {
						return &engine.Error{Kind: engine.CannotStartContainer, Err: engine.ErrUnavailable}
					}
					return nil
				}
				_ = a.apply(composed(w, made{name: "app", essential: true}))
				after(9 * time.Minute)
				if last := w.last(arnA); last.Status == stopped || w.machine.Starts()[idA+"/app"] != 0 {
					t.Errorf("while the engine is silent it is %+v", last)
				}
				after(2 * time.Minute)
				if last := w.last(arnA); last.Status != running {
					t.Errorf("when the engine is back it is %+v", last)
				}
			})
		})
	}
}

// An image that is removed between its pull and its container's creation is pulled again.
func TestAnImageThatVanishes(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		removed := false
		a.kill.fails = func(s string) error {
			if s == "CreateContainer app" && !removed {
				removed = true
				return a.Engine.RemoveImage(t.Context(), "app")
			}
			return nil
		}
		_ = a.apply(composed(w, made{name: "app", essential: true}))
		after(time.Second)
		if last := w.last(arnA); !removed || last.Status != running {
			t.Errorf("%t, reported %+v", removed, last)
		}
	})
}
