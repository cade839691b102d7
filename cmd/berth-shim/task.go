//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim"
	"github.com/berth-dev/berth/internal/shim/cgroup"
)

// task is a shim.Handler.
type task struct {
	dir   string
	spec  shim.Task
	group cgroup.Group
	tree  cgroup.Tree
	// joined waits until this process is in its own control group, and with it nothing of its starter's.
	joined func() error
	// pause and ipc hold the namespaces that the containers share; nil where they share none.
	pause *exec.Cmd
	ipc   *os.File
	tidy  *time.Timer // gives memory back that is not needed while nothing happens
	// netns is the namespace file that containers join; nil for the host's.
	netns     *os.File
	listeners []*os.File

	// making is held while containers are created or removed: an agent may die in the middle of a call and the next one
	// make the same call while the first goes on.
	making sync.Mutex
	ending bool // guarded by making: nothing is created any more
	// mounted are the volumes mounted in this process's namespace, by path; guarded by making.
	mounted map[string]bool

	mu         sync.Mutex // guards what follows, and every container's state
	containers []*container
	revision   int64
	changed    chan struct{}
}

// tidyAfter is how long after the last process has started, or a further one has ended, the memory goes back that it took.
const tidyAfter = 2 * time.Second

// tidy gives back what memory is not needed, and keeps it small from then on: not before, for to collect garbage would hold up the start.
func tidy() {
	debug.SetGCPercent(50)
	debug.FreeOSMemory()
}

// newTask makes what the task's containers share. What it makes before an error is removed by the agent.
func newTask(dir string, spec shim.Task) (*task, error) {
	tree, err := cgroup.Find()
	if err != nil {
		return nil, err
	}
	shims := tree.Group(shim.ShimsGroup(spec.Instance))
	t := &task{dir: dir, spec: spec, tree: tree, group: tree.Group(shim.TaskGroup(spec.Instance, spec.Task)), changed: make(chan struct{}), mounted: map[string]bool{}}
	t.tidy = time.AfterFunc(tidyAfter, tidy)
	network := begin(t.openNetwork)
	if err := errors.Join(shims.Create(), t.makeGroup(), network()); err != nil {
		return nil, err
	}
	t.joined = begin(shims.Join) // when the groups stand: while it waits, the kernel lets nobody make one
	if err := t.share(); err != nil {
		return nil, err
	}
	t.change(func() {})
	return t, nil
}

// makeGroup makes the task's control group and bounds it.
func (t *task) makeGroup() error {
	if err := t.group.Create(); err != nil {
		return err
	}
	limits := cgroup.Limits{CPUShares: uint64(t.spec.CPU), Memory: t.spec.Memory, PIDs: t.spec.PIDs}
	if t.spec.CPUHard {
		limits.CPUQuota = t.spec.CPU * cgroup.Period / 1024
	}
	return t.group.Limit(limits)
}

// begin lets f go and returns what waits for its result. To move between control groups takes the kernel a grace period
// of RCU, 8 ms and more, but for who comes soon after another: begun early, it passes while the container is made ready,
// whose own move is then free.
func begin(f func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return sync.OnceValue(func() error { return <-done })
}

// change changes the state, writes it down and tells watchers.
func (t *task) change(apply func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	apply()
	t.revision++
	close(t.changed)
	t.changed = make(chan struct{})
	t.record()
}

// record replaces the state file, so that an exit is known even if this process dies before an agent asks.
func (t *task) record() {
	text, err := json.Marshal(t.state())
	if err == nil {
		path := filepath.Join(t.dir, shim.StateFile)
		if err = os.WriteFile(path+".new", text, 0o600); err == nil {
			err = os.Rename(path+".new", path)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "berth-shim: write the state file:", err)
	}
}

// state is called with mu held.
func (t *task) state() shim.TaskState {
	s := shim.TaskState{Revision: t.revision, PID: os.Getpid()}
	for _, c := range t.containers {
		s.Containers = append(s.Containers, c.state)
	}
	return s
}

// State returns the present state and a channel that is closed at the next change.
func (t *task) State() (shim.TaskState, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state(), t.changed
}

// Create prepares a container. One that exists is left as it is.
func (t *task) Create(spec *shim.Container) error {
	t.making.Lock()
	defer t.making.Unlock()
	if t.ending {
		return shim.Errorf(shim.Invalid, "the task is being removed")
	}
	if t.find(spec.Name) != nil {
		return nil
	}
	c := &container{task: t, spec: spec, inside: map[int]bool{}, door: make(chan struct{}, 1), state: shim.ContainerState{
		Name: spec.Name, RuntimeID: spec.RuntimeID, ImageDigest: spec.ImageDigest, LogPath: spec.Log.Path,
		Status: shim.Created, CreatedAt: time.Now(),
	}}
	if err := c.create(); err != nil {
		return errors.Join(err, c.remove())
	}
	t.change(func() { t.containers = append(t.containers, c) })
	return nil
}

// Start starts a container once; afterwards it returns what the first time returned.
func (t *task) Start(name string) error { return t.Restart(name, 1) }

// Restart starts a container for the run-th time, once; afterwards it returns what the first time returned.
func (t *task) Restart(name string, run int) error {
	c := t.find(name)
	if c == nil {
		return shim.Errorf(shim.NotFound, "the task has no container %q", name)
	}
	defer t.tidy.Reset(tidyAfter)
	return c.start(run)
}

// Stop stops a container.
func (t *task) Stop(ctx context.Context, name string, grace time.Duration) error {
	c := t.find(name)
	if c == nil {
		return shim.Errorf(shim.NotFound, "the task has no container %q", name)
	}
	return c.stop(ctx, grace)
}

// Listener returns a socket opened at the start.
func (t *task) Listener(index int) (*os.File, error) {
	if index < 0 || index >= len(t.listeners) {
		return nil, shim.Errorf(shim.None, "the task was created with %d listeners", len(t.listeners))
	}
	return t.listeners[index], nil
}

// shutdownTime bounds how long killed processes may take to disappear.
const shutdownTime = 10 * time.Second

// Shutdown kills and removes all containers, then what they shared.
func (t *task) Shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	t.making.Lock()
	defer t.making.Unlock()
	t.ending = true
	t.mu.Lock()
	containers := t.containers
	t.mu.Unlock()
	var errs []error
	for _, c := range containers {
		errs = append(errs, c.stop(ctx, 0), c.remove())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := t.group.Kill(ctx); err != nil {
		return err
	}
	return t.group.Remove(ctx)
}

func (t *task) find(name string) *container {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.containers {
		if c.state.Name == name {
			return c
		}
	}
	return nil
}

var _ shim.Handler = (*task)(nil)

// signalNumber keeps a nonsensical stop signal from being sent.
func signalNumber(n int) unix.Signal {
	if n <= 0 || n > 64 {
		return unix.SIGTERM
	}
	return unix.Signal(n)
}
