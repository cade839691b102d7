//go:build linux

package docker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/docker/dockertest"
	"github.com/berth-dev/berth/internal/agent/engine/enginetest"
	"github.com/berth-dev/berth/internal/agent/retry"
	"github.com/berth-dev/berth/internal/shim/cgroup"
)

// own is a bench on a daemon of the test's own, which it may break.
func own(t *testing.T) *bench {
	t.Helper()
	dockertest.Skip(t)
	d, err := dockertest.New()
	must(t, err)
	t.Cleanup(d.End)
	m := machineOn(t, d)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return &bench{t: t, machine: m, Engine: m.open(t), ctx: ctx}
}

// eventually repeats what is unknown until it is known.
func (b *bench) eventually(do func() error) error {
	b.t.Helper()
	for {
		err := do()
		if !errors.Is(err, engine.ErrUnavailable) || !retry.Pause(b.ctx, 20*time.Millisecond) {
			return err
		}
	}
}

func TestADaemonThatIsGoneIsUnknown(t *testing.T) {
	b := own(t)
	b.begin(engine.TaskSpec{NoNetwork: true})
	app := b.container("gone", "app", "sleep")
	must(t, b.CreateContainer(b.ctx, b.task, app))

	b.Freeze(t)
	ctx, cancel := context.WithTimeout(b.ctx, 300*time.Millisecond)
	if _, err := b.Inspect(ctx, b.task); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a stopped daemon, asked for less time than it may take: %v", err)
	}
	cancel()
	b.Signal(unix.SIGCONT)
	must(t, b.eventually(func() error { _, err := b.Inspect(b.ctx, b.task); return err }))

	b.machine.Stop(true)
	for what, err := range map[string]error{
		"start":  b.StartContainer(b.ctx, b.task, "app"),
		"create": b.CreateContainer(b.ctx, b.task, b.container("gone", "other", "sleep")),
		"remove": b.RemoveTask(b.ctx, enginetest.NewTask()),
		"task":   b.CreateTask(b.ctx, engine.TaskSpec{Task: enginetest.NewTask(), NoNetwork: true}),
	} {
		if !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("%s says %v", what, err)
		}
	}
	if _, err := b.PullImage(b.ctx, engine.PullRequest{Reference: testImage}, nil); !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("pull says %v", err)
	}
	watching, stop := context.WithCancel(b.ctx)
	states, err := b.Watch(watching, b.task)
	must(t, err)
	if s := <-states; s.Lost || s.Containers[0].State != engine.Created {
		t.Errorf("meanwhile it is %+v", s)
	}
	stop()
	must(t, b.machine.Start())
	must(t, b.RemoveTask(b.ctx, b.task))
}

// TestARestartInMidStart has the daemon die while it starts a container, and checks that asking again, or the next look, tells
// what became of it.
func TestARestartInMidStart(t *testing.T) {
	b := own(t)
	for _, kill := range []bool{true, false} {
		b.begin(engine.TaskSpec{NoNetwork: true, PIDMode: engine.OwnNamespace})
		must(t, b.CreateContainer(b.ctx, b.task, b.container("mid"+random(2), "app", "sleep")))
		started := make(chan error, 1)
		go func() { started <- b.StartContainer(b.ctx, b.task, "app") }()
		retry.Pause(b.ctx, 60*time.Millisecond)
		b.machine.Stop(kill)
		// A daemon that has the time to hears of the end of what it started, and says that instead.
		if err := <-started; err != nil && !errors.Is(err, engine.ErrUnavailable) && !isKind(err, engine.CannotStartContainer) {
			t.Errorf("the start that was cut off says %v", err)
		}
		must(t, b.machine.Start())
		err := b.eventually(func() error { return b.StartContainer(b.ctx, b.task, "app") })
		status, inspectErr := b.Inspect(b.ctx, b.task)
		must(t, inspectErr)
		// The daemon's end takes the pause container with it, and that is the task's end: told as such.
		if !status.Lost || status.LostReason == "" || err != nil && !isKind(err, engine.CannotStartContainer) {
			t.Errorf("after it the task is %+v; starting again says %v", status, err)
		}
		must(t, b.RemoveTask(b.ctx, b.task))
	}
}

func isKind(err error, kind engine.Kind) bool {
	e, ok := errors.AsType[*engine.Error](err)
	return ok && e.Kind == kind
}

func TestNothingIsLeft(t *testing.T) {
	b := newBench(t)
	count := func() (n int) {
		found, err := b.list(b.ctx, "")
		must(t, err)
		volumes, err := b.api.VolumeList(b.ctx, client.VolumeListOptions{Filters: client.Filters{}.Add("label", labelInstance+"="+b.instance)})
		must(t, err)
		dirs, err := filepath.Glob(filepath.Join(b.Engine.config.Dir, "*", taskFile))
		must(t, err)
		groups, err := filepath.Glob("/sys/fs/cgroup/memory/berth/" + b.instance + "/docker/*/memory.limit_in_bytes")
		must(t, err)
		return len(found) + len(volumes.Items) + len(dirs) + len(groups)
	}
	b.begin(engine.TaskSpec{Listen: listen, Memory: 64 << 20}, func() engine.ContainerSpec {
		c := b.container("leak", "app", "sleep")
		c.Host.NetworkMode = "bridge"
		return c
	}())
	_, err := b.CreateVolume(b.ctx, engine.VolumeSpec{Name: "leak-" + b.task, Task: b.task})
	must(t, err)
	if count() < 5 {
		t.Errorf("of a task that runs %d things are found", count())
	}
	// An agent that died in mid-creation leaves a container that only its labels tell of.
	stray := enginetest.NewTask()
	half := newTask(b.Engine, stray)
	half.record = taskRecord{Spec: engine.TaskSpec{Task: stray, NoNetwork: true}}
	pause, err := half.taskPause()
	must(t, err)
	must(t, b.makePause(b.ctx, stray, pause))
	ids, err := b.Tasks(b.ctx)
	must(t, err)
	if len(ids) != 2 {
		t.Errorf("tasks are %v", ids)
	}
	for _, id := range ids {
		must(t, b.RemoveTask(b.ctx, id))
	}
	if n := count(); n != 0 {
		t.Errorf("%d things are left", n)
	}
	if _, err := os.Stat(filepath.Join(b.machine.dir, "spool", "leak", "app")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the spool is left: %v", err)
	}
}

// A task that forks without end runs into its own bound before the machine does, as on the native engine.
func TestATasksProcessesAreBounded(t *testing.T) {
	b := newBench(t)
	b.begin(engine.TaskSpec{NoNetwork: true}, b.container("bound", "app", "sleep"))
	task := b.Engine.cgroup.tree.Group(b.Engine.cgroup.path(b.task))
	text, err := os.ReadFile(filepath.Join(task.Dir("pids"), "pids.max"))
	must(t, err)
	if got, want := strings.TrimSpace(string(text)), strconv.FormatInt(cgroup.ProcessLimit(), 10); got != want {
		t.Errorf("it may have %s processes, want %s", got, want)
	}
	inside, err := os.ReadFile(filepath.Join(task.Dir("pids"), "cgroup.procs"))
	must(t, err)
	below, err := filepath.Glob(filepath.Join(task.Dir("pids"), "*", "cgroup.procs"))
	must(t, err)
	if len(inside) == 0 && len(below) == 0 {
		t.Error("none of its containers is below the bound")
	}
	must(t, b.RemoveTask(b.ctx, b.task))
}
