package enginetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// Behaviour is how a container of the suite behaves.
type Behaviour struct {
	// Kind says what the container does.
	Kind Kind
	// Code is the exit code of Exits.
	Code int
}

// Kind of behaviour.
type Kind int

const (
	Exits    Kind = iota // ends at once with Code
	Sleeps               // runs until its stop signal, then ends with 0
	Stubborn             // runs and takes no notice of its stop signal
	Broken               // can be created, and not started
)

// Suite is an engine to test.
type Suite struct {
	// Open opens the engine as a starting agent does: each call sees what earlier ones left on the same machine. The suite
	// closes what it opens.
	Open func(t *testing.T) engine.Engine
	// Container returns a container of an image that is present.
	Container func(name string, b Behaviour) engine.ContainerSpec
	// Program returns a container of such an image that runs the probe with these arguments; the image has /etc/passwd. Nil
	// if the engine runs no programs.
	Program func(name string, args ...string) engine.ContainerSpec
	// Listen is an address for TaskSpec.Listen of a task on the host's network; empty if the engine can't.
	Listen string
	// Dial connects to what listens there. Nil: net.Dial does.
	Dial func(address string) (net.Conn, error)
	// Settle waits until a running container that Sleeps or is Stubborn has said how it takes its stop signal. Nil if the
	// engine's containers are born with that.
	Settle func(t *testing.T, task, container string)
	// Probe is the program (probe) that Exec finds in a running container. Nil if the engine can't start further processes.
	Probe []string
	// Lose has what keeps a task die.
	Lose func(t *testing.T, e engine.Engine, task string)
}

// patience bounds every wait of the suite. On a machine that is slower than others BERTH_TEST_PATIENCE multiplies it.
var patience = 20 * time.Second * time.Duration(slowness())

func slowness() int {
	if n, err := strconv.Atoi(os.Getenv("BERTH_TEST_PATIENCE")); err == nil && n > 0 {
		return n
	}
	return 1
}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Suite)
	}{
		{"info names the engine and the machine", info},
		{"an exit code is reported", exitCode},
		{"the output of what never started is complete once it is stopped", neverStarted},
		{"every call may be repeated", repeated},
		{"stopping sends the signal first", stops},
		{"stopping kills after the grace", kills},
		{"a stop may be hastened", hastens},
		{"an abandoned stop goes on", abandoned},
		{"what cannot start says why", broken},
		{"containers are listed in order of creation", ordered},
		{"unknown tasks and containers are not found", unknown},
		{"watch tells the present state and each change", watch},
		{"watch ends with the task", watchEnds},
		{"tasks outlive the agent", adopted},
		{"the listener outlives the agent", listener},
		{"a lost task is reported and removed", lost},
		{"a task lost before it had a container is begun again", lostEarly},
		{"an image that is absent is not created", noImage},
		{"a volume is made once and stays", volumeIsMadeOnce},
		{"a volume that a container has is not removed", volumeInUse},
		{"a task's volume goes with it", volumeOfTask},
		{"what is written to a volume is there for others", volumeKeepsContent},
		{"an empty volume takes on what the image has", volumeTakesImage},
		{"volumes from another container", volumesFrom},
		{"a stopped container runs again", restarts},
		{"a stop is the end of restarts", restartAfterStop},
		{"only what was made to be restarted is", restartUnasked},
		{"the next agent restarts", restartAdopted},
		{"a further process reads, prints and tells its exit code", execs},
		{"much output of a further process comes whole", execFlood},
		{"a further process has a terminal", execTerminal},
		{"a further process ends with its container", execEnds},
		{"a further process ends when it is closed", execClosed},
		{"a further process ends with the agent", execAgent},
		{"what can't be run further says why", execFails},
		{"connections from inside a container", dials},
		{"what runs is measured", measures},
		{"what a task writes is counted", countsStorage},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}

// box is an open engine and a test's way of speaking to it.
type box struct {
	*testing.T
	Suite
	engine.Engine
	ctx context.Context
}

func openBox(t *testing.T, s Suite) *box {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	b := &box{T: t, Suite: s, ctx: ctx, Engine: s.Open(t)}
	t.Cleanup(func() { b.Engine.Close() })
	return b
}

// reopen replaces the agent.
func (b *box) reopen() {
	b.Helper()
	b.must(b.Engine.Close())
	b.Engine = b.Suite.Open(b.T)
}

func (b *box) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// task creates a task with containers, which it starts, and removes it in the end.
func (b *box) task(containers ...engine.ContainerSpec) string {
	b.Helper()
	id := NewTask()
	b.must(b.CreateTask(b.ctx, engine.TaskSpec{Task: id, NoNetwork: true}))
	b.Cleanup(func() { b.RemoveTask(context.WithoutCancel(b.ctx), id) })
	for _, c := range containers {
		b.must(b.CreateContainer(b.ctx, id, c))
		b.must(b.StartContainer(b.ctx, id, c.Name))
	}
	return id
}

// NewTask returns an id that no task has.
func NewTask() string {
	id := make([]byte, 16)
	rand.Read(id)
	return hex.EncodeToString(id)
}

// await waits for a container to be as wanted.
func (b *box) await(task, container string, state engine.ContainerState) engine.ContainerStatus {
	b.Helper()
	return b.awaitStatus(task, container, func(c engine.ContainerStatus) bool { return c.State == state })
}

func (b *box) awaitStatus(task, container string, wanted func(engine.ContainerStatus) bool) engine.ContainerStatus {
	b.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	states, err := b.Watch(ctx, task)
	b.must(err)
	var last engine.TaskStatus
	for last = range states {
		for _, c := range last.Containers {
			if c.Name == container && wanted(c) {
				return c
			}
		}
	}
	b.Fatalf("container %s never was as wanted: %+v", container, last)
	return engine.ContainerStatus{}
}

func (b *box) inspect(task string) engine.TaskStatus {
	b.Helper()
	s, err := b.Inspect(b.ctx, task)
	b.must(err)
	return s
}

func (b *box) wantKind(err error, kind engine.Kind) {
	b.Helper()
	if e, ok := errors.AsType[*engine.Error](err); !ok || e.Kind != kind {
		b.Errorf("the error is %v, not a %s", err, kind)
	}
}

func info(t *testing.T, s Suite) {
	b := openBox(t, s)
	i, err := b.Info(b.ctx)
	b.must(err)
	if i.Name == "" || i.CPUs < 1 || i.Memory < 1<<20 || len(i.Capabilities) == 0 {
		t.Errorf("it says %+v", i)
	}
}

func exitCode(t *testing.T, s Suite) {
	b := openBox(t, s)
	for _, code := range []int{0, 1, 137} {
		task := b.task(s.Container("app", Behaviour{Kind: Exits, Code: code}))
		c := b.await(task, "app", engine.Stopped)
		if !c.ExitKnown || c.ExitCode != code || c.PID != 0 || c.StartedAt.IsZero() || c.FinishedAt.Before(c.StartedAt) || c.OOMKilled {
			t.Errorf("exit code %d is %+v", code, c)
		}
	}
}

func neverStarted(t *testing.T, s Suite) {
	b := openBox(t, s)
	task := NewTask()
	c := s.Container("app", Behaviour{Kind: Sleeps})
	c.Log = engine.LogSpec{Dir: filepath.Join(t.TempDir(), "spool"), MaxBytes: 1 << 20}
	b.must(b.CreateTask(b.ctx, engine.TaskSpec{Task: task, NoNetwork: true}))
	b.must(b.CreateContainer(b.ctx, task, c))
	for range 2 {
		b.must(b.StopContainer(b.ctx, task, "app", patience))
	}
	output, err := spool.Open(c.Log.Dir, 0)
	b.must(err)
	defer output.Close()
	if n, err := output.Read(b.ctx, make([]spool.Line, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("its output has %d lines and ends with %v", n, err)
	}
	b.must(b.RemoveTask(b.ctx, task))
}

func repeated(t *testing.T, s Suite) {
	b := openBox(t, s)
	spec := engine.TaskSpec{Task: NewTask(), NoNetwork: true}
	c := s.Container("app", Behaviour{Kind: Sleeps})
	var first engine.TaskStatus
	for i := range 2 {
		b.must(b.CreateTask(b.ctx, spec))
		b.must(b.CreateContainer(b.ctx, spec.Task, c))
		b.must(b.StartContainer(b.ctx, spec.Task, "app"))
		now := b.inspect(spec.Task)
		if i == 0 {
			first = now
		} else if now.Containers[0].PID != first.Containers[0].PID || !now.Containers[0].StartedAt.Equal(first.Containers[0].StartedAt) {
			t.Errorf("%+v became %+v", first.Containers[0], now.Containers[0])
		}
	}
	b.settled(spec.Task, "app")
	for range 2 {
		b.must(b.StopContainer(b.ctx, spec.Task, "app", patience))
	}
	b.must(b.StartContainer(b.ctx, spec.Task, "app"))
	if c := b.inspect(spec.Task).Containers[0]; c.State != engine.Stopped || c.ExitCode != 0 {
		t.Errorf("a stopped container was started again: %+v", c)
	}
	for range 2 {
		b.must(b.RemoveTask(b.ctx, spec.Task))
	}
}

func stops(t *testing.T, s Suite) {
	b := openBox(t, s)
	task := b.task(s.Container("app", Behaviour{Kind: Sleeps}))
	b.settled(task, "app")
	b.must(b.StopContainer(b.ctx, task, "app", patience))
	if c := b.inspect(task).Containers[0]; c.State != engine.Stopped || c.ExitCode != 0 || !c.ExitKnown {
		t.Errorf("it is %+v", c)
	}
}

// settled waits until a container behaves as it will.
func (b *box) settled(task, name string) {
	b.Helper()
	b.await(task, name, engine.Running)
	if b.Settle != nil {
		b.Settle(b.T, task, name)
	}
}

func kills(t *testing.T, s Suite) {
	b := openBox(t, s)
	task := b.task(s.Container("app", Behaviour{Kind: Stubborn}))
	b.settled(task, "app")
	begun := time.Now()
	b.must(b.StopContainer(b.ctx, task, "app", 100*time.Millisecond))
	if c := b.inspect(task).Containers[0]; c.State != engine.Stopped || c.ExitCode != 137 || time.Since(begun) < 100*time.Millisecond {
		t.Errorf("after %v it is %+v", time.Since(begun), c)
	}
}

func hastens(t *testing.T, s Suite) {
	b := openBox(t, s)
	task := b.task(s.Container("app", Behaviour{Kind: Stubborn}))
	b.settled(task, "app")
	patient, cancel := context.WithCancel(b.ctx)
	stopping := make(chan error, 1)
	go func() { stopping <- b.StopContainer(patient, task, "app", time.Hour) }()
	cancel()
	<-stopping
	b.must(b.StopContainer(b.ctx, task, "app", 0))
	if c := b.inspect(task).Containers[0]; c.State != engine.Stopped || c.ExitCode != 137 {
		t.Errorf("it is %+v", c)
	}
}

func abandoned(t *testing.T, s Suite) {
	b := openBox(t, s)
	task := b.task(s.Container("app", Behaviour{Kind: Stubborn}))
	b.settled(task, "app")
	ctx, cancel := context.WithTimeout(b.ctx, 500*time.Millisecond)
	defer cancel()
	if err := b.StopContainer(ctx, task, "app", time.Second); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the abandoned stop returned %v", err)
	}
	if c := b.await(task, "app", engine.Stopped); c.ExitCode != 137 {
		t.Errorf("it is %+v", c)
	}
}

func broken(t *testing.T, s Suite) {
	b := openBox(t, s)
	task := b.task()
	b.must(b.CreateContainer(b.ctx, task, s.Container("app", Behaviour{Kind: Broken})))
	for range 2 {
		b.wantKind(b.StartContainer(b.ctx, task, "app"), engine.CannotStartContainer)
	}
	if c := b.inspect(task).Containers[0]; c.State != engine.Stopped || c.Error == "" || c.ExitKnown {
		t.Errorf("it is %+v", c)
	}
	b.must(b.StopContainer(b.ctx, task, "app", patience))
}

func ordered(t *testing.T, s Suite) {
	b := openBox(t, s)
	names := []string{"zeta", "alpha", "tasks"}
	var all []engine.ContainerSpec
	for _, n := range names {
		all = append(all, s.Container(n, Behaviour{Kind: Sleeps}))
	}
	task := b.task(all...)
	ids := map[string]bool{}
	for i, c := range b.inspect(task).Containers {
		if c.Name != names[i] || c.State != engine.Running || len(c.RuntimeID) != 64 || c.PID == 0 || c.ImageDigest == "" || c.CreatedAt.IsZero() {
			t.Errorf("container %d is %+v", i, c)
		}
		ids[c.RuntimeID] = true
	}
	if len(ids) != len(names) {
		t.Errorf("%d runtime ids", len(ids))
	}
	tasks, err := b.Tasks(b.ctx)
	b.must(err)
	if !slices.Contains(tasks, task) {
		t.Errorf("the task is not among %v", tasks)
	}
}

func unknown(t *testing.T, s Suite) {
	b := openBox(t, s)
	id := NewTask()
	_, inspectErr := b.Inspect(b.ctx, id)
	_, watchErr := b.Watch(b.ctx, id)
	_, listenErr := b.Listener(b.ctx, id)
	task := b.task()
	for what, err := range map[string]error{
		"Inspect": inspectErr, "Watch": watchErr, "Listener": listenErr, "StopContainer": b.StopContainer(b.ctx, id, "app", 0),
		"StopContainer of a known task": b.StopContainer(b.ctx, task, "app", 0), "RemoveImage": b.RemoveImage(b.ctx, "never/there:1"),
	} {
		if !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("%s returned %v", what, err)
		}
	}
	b.must(b.RemoveTask(b.ctx, id))
}

func watch(t *testing.T, s Suite) {
	b := openBox(t, s)
	task := b.task()
	ctx, cancel := context.WithCancel(b.ctx)
	states, err := b.Watch(ctx, task)
	b.must(err)
	if s := <-states; s.Task != task || len(s.Containers) != 0 {
		t.Errorf("the present state is %+v", s)
	}
	b.must(b.CreateContainer(b.ctx, task, s.Container("app", Behaviour{Kind: Sleeps})))
	b.must(b.StartContainer(b.ctx, task, "app"))
	b.must(b.StopContainer(b.ctx, task, "app", 0))
	order := []engine.ContainerState{engine.Created, engine.Running, engine.Stopped}
	last := -1
	for last < 2 {
		s, open := <-states
		if !open {
			t.Fatal("the channel closed early")
		}
		if len(s.Containers) == 0 {
			continue
		}
		at := slices.Index(order, s.Containers[0].State)
		if at < last {
			t.Errorf("%s came after %s", order[at], order[last])
		}
		last = at
	}
	cancel()
	for range states {
	}
}

func watchEnds(t *testing.T, s Suite) {
	b := openBox(t, s)
	task := b.task(s.Container("app", Behaviour{Kind: Sleeps}))
	states, err := b.Watch(b.ctx, task)
	b.must(err)
	<-states
	b.must(b.RemoveTask(b.ctx, task))
	for s := range states {
		if s.Lost {
			t.Errorf("a removed task is reported as lost: %+v", s)
		}
	}
	if b.ctx.Err() != nil {
		t.Error("the channel stayed open")
	}
	if tasks, err := b.Tasks(b.ctx); err != nil || slices.Contains(tasks, task) {
		t.Errorf("the task is still among %v, %v", tasks, err)
	}
}

func adopted(t *testing.T, s Suite) {
	b := openBox(t, s)
	task := b.task(s.Container("app", Behaviour{Kind: Sleeps}), s.Container("job", Behaviour{Kind: Exits, Code: 9}))
	before := b.await(task, "app", engine.Running)
	b.await(task, "job", engine.Stopped)
	b.reopen()
	tasks, err := b.Tasks(b.ctx)
	b.must(err)
	if !slices.Contains(tasks, task) {
		t.Fatalf("the task is not among %v", tasks)
	}
	now := b.inspect(task)
	if c := now.Containers[0]; c.State != engine.Running || c.RuntimeID != before.RuntimeID || c.PID != before.PID {
		t.Errorf("%+v became %+v", before, c)
	}
	if c := now.Containers[1]; c.State != engine.Stopped || c.ExitCode != 9 {
		t.Errorf("the exit code is lost: %+v", c)
	}
	b.must(b.CreateContainer(b.ctx, task, s.Container("late", Behaviour{Kind: Exits, Code: 4})))
	b.must(b.StartContainer(b.ctx, task, "late"))
	if c := b.await(task, "late", engine.Stopped); c.ExitCode != 4 {
		t.Errorf("a container made by the second agent is %+v", c)
	}
	b.must(b.StopContainer(b.ctx, task, "app", patience))
	b.must(b.RemoveTask(b.ctx, task))
}

func listener(t *testing.T, s Suite) {
	if s.Listen == "" {
		t.Skip("the engine can't listen here")
	}
	b := openBox(t, s)
	task := NewTask()
	b.must(b.CreateTask(b.ctx, engine.TaskSpec{Task: task, Listen: s.Listen}))
	defer func() { b.must(b.RemoveTask(b.ctx, task)) }()
	l, err := b.Listener(b.ctx, task)
	b.must(err)
	address := l.Addr().String()
	served(b, l, address)
	b.must(l.Close())
	b.must(b.Engine.Close())
	waiting, err := b.dial(address) // while no agent lives
	b.must(err)
	defer waiting.Close()
	b.Engine = s.Open(t)
	l, err = b.Listener(b.ctx, task)
	b.must(err)
	defer l.Close()
	accepted, err := l.Accept()
	b.must(err)
	accepted.Close()
	served(b, l, address)
}

func (b *box) dial(address string) (net.Conn, error) {
	if b.Suite.Dial != nil {
		return b.Suite.Dial(address)
	}
	return net.Dial("tcp", address)
}

func served(b *box, l net.Listener, address string) {
	b.Helper()
	client, err := b.dial(address)
	b.must(err)
	defer client.Close()
	server, err := l.Accept()
	b.must(err)
	server.Close()
}

func lost(t *testing.T, s Suite) {
	if s.Lose == nil {
		t.Skip("nothing keeps this engine's tasks but itself")
	}
	b := openBox(t, s)
	task := b.task(s.Container("app", Behaviour{Kind: Stubborn}))
	b.settled(task, "app")
	s.Lose(t, b.Engine, task)
	c := b.await(task, "app", engine.Stopped)
	if c.ExitKnown {
		t.Errorf("the exit code can't be known: %+v", c)
	}
	if now := b.inspect(task); !now.Lost || now.LostReason == "" {
		t.Errorf("the task is %+v", now)
	}
	b.must(b.StopContainer(b.ctx, task, "app", patience))
	b.must(b.RemoveTask(b.ctx, task))
	if _, err := b.Inspect(b.ctx, task); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("after its removal Inspect returns %v", err)
	}
}

func lostEarly(t *testing.T, s Suite) {
	if s.Lose == nil {
		t.Skip("nothing keeps this engine's tasks but itself")
	}
	b := openBox(t, s)
	task := b.task()
	s.Lose(t, b.Engine, task)
	b.awaitLost(task)
	b.must(b.CreateTask(b.ctx, engine.TaskSpec{Task: task, NoNetwork: true}))
	b.must(b.CreateContainer(b.ctx, task, s.Container("app", Behaviour{Kind: Exits, Code: 3})))
	b.must(b.StartContainer(b.ctx, task, "app"))
	if c := b.await(task, "app", engine.Stopped); c.ExitCode != 3 || b.inspect(task).Lost {
		t.Errorf("it is %+v", c)
	}
}

func (b *box) awaitLost(task string) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	states, err := b.Watch(ctx, task)
	b.must(err)
	for s := range states {
		if s.Lost {
			return
		}
	}
	b.Fatal("the task was never lost")
}

func noImage(t *testing.T, s Suite) {
	b := openBox(t, s)
	c := s.Container("app", Behaviour{Kind: Sleeps})
	c.Image = "never/there:1"
	task := b.task()
	b.wantKind(b.CreateContainer(b.ctx, task, c), engine.CannotCreateContainer)
	if s := b.inspect(task); len(s.Containers) != 0 {
		t.Errorf("the task has %+v", s.Containers)
	}
}
