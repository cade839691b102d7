package task

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// toldOf is what becomes known of a container's health, and when, in seconds.
func toldOf(w *world, container string) (story []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.healths {
		for _, c := range h.Containers {
			line := fmt.Sprintf("%s %g", c.HealthStatus, c.StatusSince.Sub(w.began).Seconds())
			if c.ContainerName == container && (len(story) == 0 || story[len(story)-1] != line) {
				story = append(story, line)
			}
		}
	}
	return story
}

// The check of these containers is made every 10 s, takes 2 s at most, and must fail twice. Before that it looks 1, 3 and
// 7 s after the start.
func TestTheHealthOfAContainer(t *testing.T) {
	sick := func(from, to time.Duration) func(time.Time) func(context.Context, fake.Command) int {
		return func(began time.Time) func(context.Context, fake.Command) int {
			return func(_ context.Context, c fake.Command) int {
				if now := time.Since(began); from <= now && now < to {
					fmt.Fprintln(c.Stderr, "connection refused")
					return 1
				}
				fmt.Fprintln(c.Stdout, "well")
				return 0
			}
		}
	}
	hang := func(time.Time) func(context.Context, fake.Command) int {
		return func(ctx context.Context, c fake.Command) int {
			fmt.Fprint(c.Stdout, "thinking")
			<-ctx.Done()
			return 0
		}
	}
	for _, c := range []struct {
		name   string
		exec   func(began time.Time) func(context.Context, fake.Command) int
		fails  string
		change func(*acs.Container)
		story  []string
		output string
	}{
		{name: "is well from the start", exec: sick(0, 0), story: []string{"HEALTHY 1"}, output: "well"},
		{name: "is well in the end", exec: sick(0, 5*time.Second), story: []string{"HEALTHY 7"}, output: "well"},
		{name: "is never well", exec: sick(0, time.Hour), story: []string{"UNHEALTHY 20"}, output: "connection refused"},
		{name: "fails once", exec: sick(15*time.Second, 25*time.Second), story: []string{"HEALTHY 1"}, output: "well"},
		{name: "is sick for a while", exec: sick(15*time.Second, 65*time.Second), story: []string{"HEALTHY 1", "UNHEALTHY 30", "HEALTHY 70"}, output: "well"},
		{name: "begins slowly", exec: sick(0, 59*time.Second), change: func(c *acs.Container) {
			c.DockerConfig.Config = strings.Replace(c.DockerConfig.Config, `"StartPeriod":0`, `"StartPeriod":60000000000`, 1)
		}, story: []string{"HEALTHY 60"}, output: "well"},
		{name: "has a check that hangs", exec: hang, story: []string{"UNHEALTHY 24"}, output: "Health check exceeded timeout (2s): thinking"},
		{name: "has a check that is not there", fails: "exec: /bin/sh: no such file", story: []string{"UNHEALTHY 20"}, output: "exec: /bin/sh: no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lived(t, func(t *testing.T, w *world, a *agent) {
				script := fake.Behaviour{ExecFails: func([]string) string { return c.fails }}
				if c.exec != nil {
					script.Exec = c.exec(time.Now())
				}
				_ = a.apply(composed(w, made{name: "web", essential: true, script: script, change: func(made *acs.Container) {
					checked(made)
					if c.change != nil {
						c.change(made)
					}
				}}))
				after(2*time.Minute - time.Millisecond)
				if got := toldOf(w, "web"); !slices.Equal(got, c.story) {
					t.Errorf("its story is %q, want %q", got, c.story)
				}
				if h := a.Health("default"); len(h) != 1 || len(h[0].Containers) != 1 || h[0].Containers[0].StatusMessage != c.output {
					t.Errorf("its health is %+v, want %q", h, c.output)
				}
				if last := w.last(arnA); last.Status != running {
					t.Errorf("it is reported as %+v", last)
				}
			})
		})
	}
}

func TestWhatAHealthCheckRuns(t *testing.T) {
	for _, c := range []struct{ docker, want string }{
		{`{"Healthcheck":{"Test":["CMD","/check","-v"]}}`, "[/check -v]"},
		{`{"Healthcheck":{"Test":["/check","-v"]}}`, "[/check -v]"},
		{`{"Healthcheck":{"Test":["CMD-SHELL","curl -f localhost || exit 1"]}}`, "[/bin/sh -c curl -f localhost || exit 1]"},
		{`{"Healthcheck":{"Test":["NONE"]}}`, "none"},
		{`{"Healthcheck":{}}`, "none"},
		{`{"Healthcheck":{"Test":["CMD"]}}`, "container web: its health check has no command"},
		{`{}`, "container web: its health check of type docker is not in its dockerConfig"},
	} {
		k, err := checkOf(&acs.Container{Name: "web", HealthCheckType: "docker", DockerConfig: &acs.DockerConfig{Config: c.docker}})
		got := "none"
		if err != nil {
			got = err.Error()
		} else if k != nil {
			got = fmt.Sprint(k.command)
			if k.interval != checkInterval || k.timeout != checkTimeout || k.retries != checkRetries || k.startPeriod != 0 {
				t.Errorf("the defaults of %s are %+v", c.docker, k)
			}
		}
		if got != c.want {
			t.Errorf("%s runs %s, want %s", c.docker, got, c.want)
		}
	}
}

// A check whose output nobody bounds does not fill the agent's memory, and one look ends before the next begins.
func TestAHealthCheckIsBounded(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		now, most := 0, 0
		_ = a.apply(composed(w, made{name: "web", essential: true, change: checked, script: fake.Behaviour{Exec: func(ctx context.Context, c fake.Command) int {
			now++
			most = max(most, now)
			defer func() { now-- }()
			for ctx.Err() == nil {
				if _, err := io.WriteString(c.Stdout, strings.Repeat("x", 8192)); err != nil {
					break
				}
				_ = retry.Pause(ctx, time.Millisecond)
			}
			return 0
		}}}))
		after(time.Minute)
		h := a.Health("default")[0].Containers[0]
		if most != 1 || h.HealthStatus != tcs.HealthStatusUnhealthy || len(h.StatusMessage) != maxReason {
			t.Errorf("%d at once; %s with %d bytes", most, h.HealthStatus, len(h.StatusMessage))
		}
		if kept := a.tasks[idA].remembered("web").Health.Output; len(kept) > maxOutput {
			t.Errorf("%d bytes are kept", len(kept))
		}
	})
}

// An engine that does not answer says nothing of a container's health.
func TestAnEngineThatDoesNotAnswerMakesNobodySick(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		a.kill.fails = func(step string) error {
			if step == "Exec web" && time.Since(w.began) > 5*time.Second {
				return engine.ErrUnavailable
			}
			return nil
		}
		_ = a.apply(composed(w, made{name: "web", essential: true, change: checked}))
		after(10 * time.Minute)
		if got := toldOf(w, "web"); !slices.Equal(got, []string{"HEALTHY 1"}) {
			t.Errorf("its story is %q", got)
		}
	})
}

func TestHealthIsKnownToTheNextAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start(&executioner{})
		_ = a.apply(composed(w, made{name: "web", essential: true, change: checked}))
		after(5 * time.Second)
		a.die()
		a = w.start(&executioner{})
		defer a.die()
		after(time.Second)
		h := a.Health("default")
		if len(h) != 1 || h[0].Containers[0].HealthStatus != tcs.HealthStatusHealthy || h[0].Containers[0].StatusSince.Sub(w.began) != time.Second {
			t.Errorf("its health is %+v", h)
		}
		description := a.tasks[idA].describe()
		if got := description.Containers[0].Health; got == nil || got.Status != "HEALTHY" {
			t.Errorf("its metadata says %+v", got)
		}
	})
}

func TestTheLooksAtAContainer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		var looks []float64
		k := &check{interval: 30 * time.Second, timeout: time.Second, startPeriod: 40 * time.Second, retries: 3}
		k.examine(ctx, began, db.Health{Status: tcs.HealthStatusUnknown}, func() probing {
			looks = append(looks, time.Since(began).Seconds())
			return probing{known: true}
		}, func(db.Health) {})
		if want := []float64{1, 3, 7, 12, 17, 22, 27, 30, 35, 40, 45, 55, 60, 90}; !slices.Equal(looks, want) {
			t.Errorf("it is looked at after %v, want %v", looks, want)
		}
	})
}
