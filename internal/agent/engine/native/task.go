package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/shim"
)

// task is the engine's view of one shim. follow alone changes it.
type task struct {
	engine  *Engine
	id      string
	dir     string
	process *os.Process     // the shim, if it is this process's child
	known   chan struct{}   // closed once state is the shim's or the task is lost
	dead    chan struct{}   // closed once the shim is dead and buried
	idle    chan *shim.Conn // holds one that is between two calls

	mu      sync.Mutex
	samples map[string]sample // the last of each container
	state   shim.TaskState
	lost    string // why the task is lost
	ending  bool   // RemoveTask has begun: that the shim ends is no loss
	removed bool
	changed chan struct{}
}

func newTask(e *Engine, id string) *task {
	return &task{engine: e, id: id, dir: e.dir(id), known: make(chan struct{}), dead: make(chan struct{}), idle: make(chan *shim.Conn, 1), changed: make(chan struct{}), samples: map[string]sample{}}
}

var errShimDied = errors.New("the process that kept the task died; the exit codes and last output of its running containers died with it")

// follow keeps state the shim's until the engine closes or the shim dies.
func (t *task) follow() {
	ctx := t.engine.life
	defer t.hangUp()
	var once sync.Once
	for ctx.Err() == nil {
		conn, err := t.dial(ctx)
		if err != nil {
			if ctx.Err() == nil {
				t.buried(err)
				once.Do(func() { close(t.known) })
			}
			return
		}
		for s, err := conn.Watch(ctx); err == nil; s, err = conn.Next(ctx) {
			t.set(func() { t.state = s })
			once.Do(func() { close(t.known) })
		}
		conn.Close()
	}
}

// dial connects to the shim, waiting for one that is still starting. It fails with the reason when the shim is dead; the
// task has been buried then.
func (t *task) dial(ctx context.Context) (*shim.Conn, error) {
	reason := errShimDied
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		conn, err := shim.Dial(ctx, filepath.Join(t.dir, shim.SocketFile))
		if err == nil {
			return conn, nil
		}
		if version, ok := errors.AsType[*shim.VersionError](err); ok {
			reason = version
			t.kill()
		}
		lock, lockErr := lockDir(t.dir)
		if lockErr == nil {
			defer lock.Close()
			return nil, reason
		}
		if !errors.Is(lockErr, errHeld) {
			return nil, fmt.Errorf("%w (%w)", reason, lockErr)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// buried buries what the dead shim left and marks the task lost, unless it was to end.
func (t *task) buried(reason error) {
	defer close(t.dead)
	if t.process != nil {
		t.process.Wait()
	}
	t.mu.Lock()
	state, ending := t.state, t.ending
	t.mu.Unlock()
	if ending {
		return // RemoveTask clears the rest
	}
	if err := t.engine.bury(t.id, reason.Error(), &state); err != nil {
		t.engine.config.Log.Error("remove what a dead shim left", "task", t.id, "error", err)
	}
	t.set(func() { t.state, t.lost = state, reason.Error() })
}

// kill ends the shim of a task that is of no use any more.
func (t *task) kill() {
	if pid := t.pid(); pid > 1 {
		unix.Kill(pid, unix.SIGKILL)
	}
}

// pid is the shim's; the state file names it to an agent that never spoke with it.
func (t *task) pid() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.PID == 0 {
		readJSON(filepath.Join(t.dir, shim.StateFile), &t.state)
	}
	return t.state.PID
}

func (t *task) set(apply func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	apply()
	close(t.changed)
	t.changed = make(chan struct{})
}

// now returns the state as last heard, and a channel closed at the next change.
func (t *task) now() (status engine.TaskStatus, removed bool, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return statusOf(t.id, t.state, t.lost), t.removed, t.changed
}

// call has a conversation with the shim. A broken one is begun again, as every call may be repeated; errShimDied once
// there is nobody to speak with.
func (t *task) call(ctx context.Context, talk func(*shim.Conn) error) error {
	return t.converse(ctx, func(conn *shim.Conn) error {
		err := talk(conn)
		t.release(conn, ctx.Err() == nil && !shim.Broken(err))
		return err
	})
}

// converse is call for a conversation that releases the connection itself, or keeps it.
func (t *task) converse(ctx context.Context, talk func(*shim.Conn) error) error {
	for {
		conn, err := t.connect(ctx)
		if err == nil {
			err = talk(conn)
		}
		switch {
		case ctx.Err() != nil && err != nil:
			return ctx.Err()
		case !shim.Broken(err):
			return err
		}
		select {
		case <-t.dead:
			return errShimDied
		case <-ctx.Done():
			return ctx.Err()
		case <-t.engine.life.Done():
			return errors.New("the engine is closed")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// connect returns a connection that nobody else uses.
func (t *task) connect(ctx context.Context) (*shim.Conn, error) {
	select {
	case conn := <-t.idle:
		return conn, nil
	default:
		return shim.Dial(ctx, filepath.Join(t.dir, shim.SocketFile))
	}
}

// release keeps a connection for the next call, if it is good for that and there is none yet.
func (t *task) release(conn *shim.Conn, good bool) {
	if good && t.engine.life.Err() == nil {
		select {
		case t.idle <- conn:
			return
		default:
		}
	}
	conn.Close()
}

// hangUp closes the connection that is between two calls.
func (t *task) hangUp() {
	select {
	case conn := <-t.idle:
		conn.Close()
	default:
	}
}
