package fake

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/berth-dev/berth/internal/agent/engine"
)

const taskID = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// started is a task of one container that follows the script.
func started(t *testing.T, b Behaviour) (*Machine, engine.Engine) {
	t.Helper()
	m := NewMachine()
	m.Script("app", b)
	e := m.Engine()
	ctx := t.Context()
	_, err := e.PullImage(ctx, engine.PullRequest{Reference: "app"}, nil)
	err = errors.Join(err, e.CreateTask(ctx, engine.TaskSpec{Task: taskID, Listen: "127.0.0.1:0"}),
		e.CreateContainer(ctx, taskID, engine.ContainerSpec{Name: "web", Image: "app"}),
		e.StartContainer(ctx, taskID, "web"))
	if err != nil {
		t.Fatal(err)
	}
	return m, e
}

func TestContainersFollowTheirScript(t *testing.T) {
	const grace = 30 * time.Second
	for _, c := range []struct {
		name   string
		script Behaviour
		stop   bool
		after  time.Duration
		code   int
		oom    bool
	}{
		{"exits by itself", Behaviour{Runs: time.Minute, ExitCode: 3}, false, time.Minute, 3, false},
		{"is killed for its memory", Behaviour{Runs: time.Second, OOM: true}, false, time.Second, 137, true},
		{"ends on its stop signal", Behaviour{StopTakes: 2 * time.Second, StopCode: 5}, true, 2 * time.Second, 5, false},
		{"ignores its stop signal and is killed", Behaviour{Stubborn: true}, true, grace, 137, false},
		{"takes longer than its grace and is killed", Behaviour{StopTakes: time.Hour}, true, grace, 137, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, e := started(t, c.script)
				begin := time.Now()
				if c.stop {
					if err := e.StopContainer(t.Context(), taskID, "web", grace); err != nil {
						t.Fatal(err)
					}
				} else {
					watch, err := e.Watch(t.Context(), taskID)
					if err != nil {
						t.Fatal(err)
					}
					for s := range watch {
						if s.Containers[0].State == engine.Stopped {
							break
						}
					}
				}
				s, err := e.Inspect(t.Context(), taskID)
				got := s.Containers[0]
				if err != nil || got.ExitCode != c.code || !got.ExitKnown || got.OOMKilled != c.oom || time.Since(begin) != c.after {
					t.Errorf("after %s it is %+v, %v", time.Since(begin), got, err)
				}
				if n := len(m.Running()); n != 0 {
					t.Errorf("%d containers run", n)
				}
			})
		})
	}
}

func TestConnectionsWaitForTheNextAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, e := started(t, Behaviour{})
		first, err := e.Listener(t.Context(), taskID)
		if err != nil {
			t.Fatal(err)
		}
		_ = first.Close()
		conn, err := m.Dial(t.Context(), taskID)
		if err != nil {
			t.Fatalf("a connection between two agents: %v", err)
		}
		defer conn.Close()
		second, err := m.Engine().Listener(t.Context(), taskID)
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		if first.Addr().String() != second.Addr().String() {
			t.Errorf("the address changed from %s to %s", first.Addr(), second.Addr())
		}
		accepted, err := second.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = accepted.Close()
		if err := e.RemoveTask(t.Context(), taskID); err != nil {
			t.Fatal(err)
		}
		if _, err := second.Accept(); err == nil {
			t.Error("the listener outlives its task")
		}
	})
}

func TestACallMayBeAbandonedAndDoneAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e := started(t, Behaviour{StopTakes: time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := e.StopContainer(ctx, taskID, "web", time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("abandoned stop: %v", err)
		}
		for range 2 {
			if err := errors.Join(e.StopContainer(t.Context(), taskID, "web", time.Minute), e.StartContainer(t.Context(), taskID, "web")); err != nil {
				t.Error(err)
			}
		}
		for range 2 {
			if err := e.RemoveTask(t.Context(), taskID); err != nil {
				t.Error(err)
			}
		}
		if _, err := e.Inspect(t.Context(), taskID); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("Inspect after RemoveTask: %v", err)
		}
	})
}

func TestAContainerRunsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMachine()
		m.Script("app", Behaviour{Runs: time.Second, ExitCode: 3, Then: &Behaviour{Runs: 2 * time.Second, ExitCode: 4}})
		e, ctx := m.Engine(), t.Context()
		_, err := e.PullImage(ctx, engine.PullRequest{Reference: "app"}, nil)
		if err = errors.Join(err, e.CreateTask(ctx, engine.TaskSpec{Task: taskID}),
			e.CreateContainer(ctx, taskID, engine.ContainerSpec{Name: "web", Image: "app", Restarts: true}),
			e.StartContainer(ctx, taskID, "web")); err != nil {
			t.Fatal(err)
		}
		now := func() engine.ContainerStatus {
			s, err := e.Inspect(ctx, taskID)
			if err != nil {
				t.Fatal(err)
			}
			return s.Containers[0]
		}
		first := now()
		time.Sleep(time.Second + time.Millisecond)
		if c := now(); c.State != engine.Stopped || c.ExitCode != 3 || c.Runs != 1 {
			t.Fatalf("after its first run it is %+v", c)
		}
		for range 2 {
			if err := e.RestartContainer(ctx, taskID, "web", 2); err != nil {
				t.Fatal(err)
			}
		}
		if c := now(); c.State != engine.Running || c.Runs != 2 || c.RuntimeID != first.RuntimeID || c.ExitKnown {
			t.Errorf("restarted it is %+v", c)
		}
		time.Sleep(2*time.Second + time.Millisecond)
		if c := now(); c.State != engine.Stopped || c.ExitCode != 4 || m.Starts()[taskID+"/web"] != 2 {
			t.Errorf("after its second run it is %+v", c)
		}
		if err := e.StopContainer(ctx, taskID, "web", time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := e.RestartContainer(ctx, taskID, "web", 3); err == nil {
			t.Error("it was restarted after its stop")
		}
	})
}

func TestProcessesFollowTheirScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, e := started(t, Behaviour{Exec: func(ctx context.Context, c Command) int {
			if c.Cmd[0] == "hang" {
				<-ctx.Done()
			}
			n, _ := io.Copy(c.Stdout, c.Stdin)
			return int(n)
		}})
		exec := func(cmd string) engine.Process {
			p, err := e.Exec(t.Context(), taskID, "web", engine.ExecSpec{Cmd: []string{cmd}, Stdin: true})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		cat := exec("cat")
		go func() {
			_, _ = io.WriteString(cat.Stdin(), "hello")
			_ = cat.Stdin().Close()
		}()
		output, _ := io.ReadAll(cat.Stdout())
		if code, err := cat.Wait(t.Context()); string(output) != "hello" || code != 5 || err != nil {
			t.Errorf("cat printed %q and ended with %d, %v", output, code, err)
		}
		closed, ended := exec("hang"), exec("hang")
		_ = closed.Close()
		m.Exit(taskID, "web", 0)
		for _, p := range []engine.Process{closed, ended} {
			_, _ = io.ReadAll(p.Stdout())
			if code, err := p.Wait(t.Context()); code != 137 || err != nil {
				t.Errorf("a process that was killed ended with %d, %v", code, err)
			}
		}
		if _, err := e.Exec(t.Context(), taskID, "web", engine.ExecSpec{Cmd: []string{"cat"}}); err == nil {
			t.Error("a process starts in a container that has ended")
		}
	})
}

func TestVolumesAreKeptWhileTheyAreInUse(t *testing.T) {
	m := NewMachine()
	e, ctx := m.Engine(), t.Context()
	first, err := e.CreateVolume(ctx, engine.VolumeSpec{Name: "data"})
	again, err2 := e.CreateVolume(ctx, engine.VolumeSpec{Name: "data"})
	if err != nil || err2 != nil || first.Path != again.Path {
		t.Fatalf("%+v, %v, then %+v, %v", first, err, again, err2)
	}
	_, err = e.PullImage(ctx, engine.PullRequest{Reference: "app"}, nil)
	mounts := container.HostConfig{Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: "data", Target: "/data"}}}
	if err = errors.Join(err, e.CreateTask(ctx, engine.TaskSpec{Task: taskID}),
		e.CreateContainer(ctx, taskID, engine.ContainerSpec{Name: "web", Image: "app", Host: mounts})); err != nil {
		t.Fatal(err)
	}
	if err := e.RemoveVolume(ctx, "data"); !errors.Is(err, engine.ErrInUse) {
		t.Errorf("removing a volume that a container has: %v", err)
	}
	if err := errors.Join(e.RemoveTask(ctx, taskID), e.RemoveVolume(ctx, "data")); err != nil {
		t.Error(err)
	}
	if err := e.RemoveVolume(ctx, "data"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("removing it again: %v", err)
	}
}
