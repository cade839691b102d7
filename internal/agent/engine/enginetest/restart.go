package enginetest

import (
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// restartable is a container that may be restarted, with a log of its own.
func (b *box) restartable(name string, behaviour Behaviour) engine.ContainerSpec {
	c := b.Container(name, behaviour)
	c.Restarts = true
	if c.Log.Dir == "" {
		c.Log = engine.LogSpec{Dir: filepath.Join(b.TempDir(), "spool"), MaxBytes: 1 << 20}
	}
	return c
}

// awaitRun waits for a run to be as wanted.
func (b *box) awaitRun(task, container string, run int, state engine.ContainerState) engine.ContainerStatus {
	b.Helper()
	return b.awaitStatus(task, container, func(c engine.ContainerStatus) bool { return c.Runs == run && c.State == state })
}

// sealed reads a log until its end.
func (b *box) sealed(dir string) {
	b.Helper()
	r, err := spool.Open(dir, 0)
	b.must(err)
	defer r.Close()
	for lines := make([]spool.Line, 64); ; {
		if _, err := r.Read(b.ctx, lines); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			b.Fatalf("the log doesn't end: %v", err)
		}
	}
}

func restarts(t *testing.T, s Suite) {
	b := openBox(t, s)
	c := b.restartable("app", Behaviour{Kind: Exits, Code: 3})
	task := b.task(c)
	first := b.awaitRun(task, "app", 1, engine.Stopped)
	for run := 2; run <= 4; run++ {
		for range 2 {
			b.must(b.RestartContainer(b.ctx, task, "app", run))
		}
		now := b.awaitRun(task, "app", run, engine.Stopped)
		if now.RuntimeID != first.RuntimeID || now.ExitCode != 3 || !now.ExitKnown || now.StartedAt.Before(first.FinishedAt) || now.FinishedAt.Before(now.StartedAt) {
			t.Errorf("after %+v run %d is %+v", first, run, now)
		}
		first = now
	}
	b.must(b.RestartContainer(b.ctx, task, "app", 2))
	b.must(b.StartContainer(b.ctx, task, "app"))
	if now := b.inspect(task).Containers[0]; now.Runs != 4 || now.State != engine.Stopped {
		t.Errorf("an earlier run's restart made it %+v", now)
	}
	for range 2 {
		b.must(b.StopContainer(b.ctx, task, "app", patience))
	}
	b.sealed(c.Log.Dir)
}

func restartAfterStop(t *testing.T, s Suite) {
	b := openBox(t, s)
	between := b.restartable("between", Behaviour{Kind: Exits, Code: 1})
	while := b.restartable("while", Behaviour{Kind: Sleeps})
	task := b.task(between, while)
	b.awaitRun(task, "between", 1, engine.Stopped)
	b.settled(task, "while")
	for _, c := range []engine.ContainerSpec{between, while} {
		b.must(b.StopContainer(b.ctx, task, c.Name, patience))
		b.wantKind(b.RestartContainer(b.ctx, task, c.Name, 2), engine.CannotStartContainer)
		b.sealed(c.Log.Dir)
	}
	for i, code := range []int{1, 0} {
		if now := b.inspect(task).Containers[i]; now.Runs != 1 || now.State != engine.Stopped || now.ExitCode != code {
			t.Errorf("it is %+v", now)
		}
	}
}

func restartUnasked(t *testing.T, s Suite) {
	b := openBox(t, s)
	task := b.task(s.Container("once", Behaviour{Kind: Exits}), b.restartable("runs", Behaviour{Kind: Sleeps}))
	b.await(task, "once", engine.Stopped)
	b.await(task, "runs", engine.Running)
	b.must(b.CreateContainer(b.ctx, task, b.restartable("never", Behaviour{Kind: Exits})))
	for _, name := range []string{"once", "runs", "never"} {
		b.wantKind(b.RestartContainer(b.ctx, task, name, 2), engine.CannotStartContainer)
	}
	if err := b.RestartContainer(b.ctx, task, "unknown", 2); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("in an unknown container: %v", err)
	}
}

func restartAdopted(t *testing.T, s Suite) {
	b := openBox(t, s)
	c := b.restartable("app", Behaviour{Kind: Exits, Code: 3})
	task := b.task(c)
	b.awaitRun(task, "app", 1, engine.Stopped)
	b.must(b.RestartContainer(b.ctx, task, "app", 2))
	b.awaitRun(task, "app", 2, engine.Stopped)
	b.reopen()
	if now := b.inspect(task).Containers[0]; now.Runs != 2 || now.ExitCode != 3 {
		t.Errorf("the next agent finds %+v", now)
	}
	b.must(b.RestartContainer(b.ctx, task, "app", 2))
	b.must(b.RestartContainer(b.ctx, task, "app", 3))
	b.awaitRun(task, "app", 3, engine.Stopped)
	b.must(b.StopContainer(b.ctx, task, "app", patience))
	b.sealed(c.Log.Dir)
}
