package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// task is one task: what the daemon last said of it, and what this agent does with it.
type task struct {
	*Engine
	id     string
	record taskRecord

	refreshing sync.Mutex    // one look at the daemon at a time, so that a later one tells later things
	stale      chan struct{} // of capacity 1: something has happened to it

	mu      sync.Mutex // guards what follows
	boxes   map[string]*box
	lost    string        // why it is lost
	removed bool          // by RemoveTask, which has begun
	changed chan struct{} // closed and replaced at each change
	lines   map[string]*line
	accept  *acceptor

	life context.Context // ends with the agent's, or when the task is removed
	end  context.CancelFunc
	work sync.WaitGroup // what ends with life
}

func newTask(e *Engine, id string) *task {
	t := &task{Engine: e, id: id, stale: make(chan struct{}, 1), boxes: map[string]*box{}, changed: make(chan struct{}), lines: map[string]*line{}}
	t.life, t.end = context.WithCancel(e.life)
	t.accept = newAcceptor()
	return t
}

// begin follows the task, and the output of the containers that it has.
func (t *task) begin() {
	for _, b := range t.boxes {
		b.log.begin()
	}
	t.work.Go(func() {
		for {
			select {
			case <-t.stale:
			case <-t.life.Done():
				return
			}
			for t.refresh(t.life) != nil && retry.Pause(t.life, 200*time.Millisecond) {
			}
		}
	})
}

// letGo ends what this agent does with the task.
func (t *task) letGo() {
	t.end()
	t.mu.Lock()
	for _, b := range t.boxes {
		b.log.letGo()
	}
	t.mu.Unlock()
	t.accept.close()
	t.work.Wait()
}

// rouse has the task looked at soon.
func (t *task) rouse() {
	select {
	case t.stale <- struct{}{}:
	default:
	}
}

// change changes what is known, and tells who watches.
func (t *task) change(do func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	do()
	close(t.changed)
	t.changed = make(chan struct{})
}

// pauseName is what the ECS agent's pause containers' names end in.
const pauseName = "internalecspause"

// pauseOf is the name of the pause container of a task, or of one of its containers.
func (e *Engine) pauseOf(task, container string) string {
	name := "ecs-" + e.config.Instance + "-" + pauseName + "-" + task
	if container != "" {
		name += "-" + container
	}
	return name
}

// CreateTask makes the task's pause container and starts it, where there is something for it to keep.
func (e *Engine) CreateTask(ctx context.Context, spec engine.TaskSpec) error {
	if !idPattern.MatchString(spec.Task) {
		return fmt.Errorf("%q is not a task id", spec.Task)
	}
	t := e.task(spec.Task)
	if t != nil {
		if err := t.refresh(ctx); err != nil {
			return err
		}
		t.mu.Lock()
		again := t.lost != "" && len(t.boxes) == 0
		t.mu.Unlock()
		if !again {
			return t.hold(ctx)
		}
		if err := e.RemoveTask(ctx, spec.Task); err != nil {
			return err
		}
	}
	t = newTask(e, spec.Task)
	t.record = taskRecord{Spec: spec}
	if err := t.makeGroup(); err != nil {
		return err
	}
	pause, err := t.taskPause()
	if err != nil {
		return err
	}
	if err := e.makePause(ctx, t.id, pause); err != nil {
		return err
	}
	if t.needsPause() {
		if err := e.startPause(ctx, e.pauseOf(t.id, "")); err != nil {
			return err
		}
	}
	if err := writeRecord(filepath.Join(e.dir(t.id), taskFile), t.record); err != nil {
		return err
	}
	e.add(t)
	return t.refresh(ctx)
}

// hold has an existing task's pause container running, if an earlier call was cut short before that.
func (t *task) hold(ctx context.Context) error {
	if !t.needsPause() {
		return nil
	}
	return t.startPause(ctx, t.pauseOf(t.id, ""))
}

// needsPause says that the task's own pause container has to run.
func (t *task) needsPause() bool {
	s := t.record.Spec
	return s.NetNS != "" || s.NoNetwork || s.Listen != "" && !t.record.bridged() || s.PIDMode == engine.TaskNamespace || s.IPCMode == engine.TaskNamespace
}

// RemoveTask removes the containers, with the volumes that are theirs alone, and what the agent keeps of them.
func (e *Engine) RemoveTask(ctx context.Context, id string) error {
	if !idPattern.MatchString(id) {
		return nil // CreateTask has not taken it either
	}
	t := e.task(id)
	if t != nil {
		t.change(func() { t.removed = true })
	}
	if err := e.removeContainers(ctx, id); err != nil {
		return err
	}
	if err := e.removeTaskVolumes(ctx, id); err != nil {
		return err
	}
	if t != nil {
		t.letGo()
		t.sealLogs()
	}
	if err := e.cgroup.remove(ctx, id); err != nil {
		return err
	}
	if err := os.RemoveAll(e.dir(id)); err != nil {
		return err
	}
	if t != nil {
		t.removeSpools()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.tasks, id)
	delete(e.holds, id)
	return nil
}

// removeContainers removes all of a task's containers; those that hold namespaces go last.
func (e *Engine) removeContainers(ctx context.Context, id string) error {
	found, err := e.list(ctx, id)
	if err != nil {
		return err
	}
	for _, pauses := range []bool{false, true} {
		var errs []error
		var mu sync.Mutex
		var removing sync.WaitGroup
		for _, c := range found {
			if (c.Labels[labelRole] == rolePause) != pauses {
				continue
			}
			removing.Go(func() {
				err := e.ask(ctx, makeTime, "remove container", func(ctx context.Context) error {
					return removeContainer(ctx, e.api, c.ID)
				})
				if err != nil && !errors.Is(err, engine.ErrNotFound) {
					mu.Lock()
					defer mu.Unlock()
					errs = append(errs, err)
				}
			})
		}
		removing.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

// removeContainer removes a container with the volumes that are its alone. It waits for a removal that somebody else has begun.
func removeContainer(ctx context.Context, api *client.Client, id string) error {
	for {
		_, err := api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if !errdefs.IsConflict(err) || !strings.Contains(err.Error(), "already in progress") || !retry.Pause(ctx, 20*time.Millisecond) {
			return err
		}
	}
}

// removeSpools removes the output that was drained.
func (t *task) removeSpools() {
	for _, b := range t.boxes {
		if dir := b.record.Log.Dir; dir != "" {
			if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.config.Log.Warn("a log spool stays behind", "dir", dir, "error", err)
			}
		}
	}
}

// box returns a container that CreateContainer made.
func (t *task) box(name string) (*box, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b := t.boxes[name]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("container %s of task %s: %w", name, t.id, engine.ErrNotFound)
}

// ordered returns the containers in order of creation. The caller holds mu.
func (t *task) ordered() []*box {
	return slices.SortedFunc(maps.Values(t.boxes), func(a, b *box) int {
		return cmp.Or(a.record.CreatedAt.Compare(b.record.CreatedAt), cmp.Compare(a.record.Name, b.record.Name))
	})
}
