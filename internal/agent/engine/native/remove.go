package native

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/berth-dev/berth/internal/shim"
)

// RemoveTask has the shim remove what it made, or kills it and removes that itself, then deletes what only files know.
// The directory goes last: until then a later call finds the task and goes on.
func (e *Engine) RemoveTask(ctx context.Context, id string) error {
	if err := e.removeTask(ctx, id); err != nil {
		return fmt.Errorf("remove task %s: %w", id, err)
	}
	return nil
}

func (e *Engine) removeTask(ctx context.Context, id string) error {
	if filepath.Base(id) != id {
		return fmt.Errorf("%q is no task id", id)
	}
	var state shim.TaskState
	if t := e.task(id); t != nil {
		if err := t.end(ctx); err != nil {
			return err
		}
		t.mu.Lock()
		state = t.state
		t.mu.Unlock()
	} else if err := e.endUnknown(ctx, id); err != nil {
		return err
	}
	if err := e.config.Images.Release(ctx, id); err != nil {
		return err
	}
	if err := e.volumes.removeOf(id); err != nil {
		return err
	}
	for _, c := range state.Containers {
		if c.LogPath != "" {
			if err := os.RemoveAll(c.LogPath); err != nil {
				return err
			}
		}
	}
	if err := os.RemoveAll(e.dir(id)); err != nil {
		return err
	}
	e.mu.Lock()
	t := e.tasks[id]
	delete(e.tasks, id)
	e.mu.Unlock()
	if t != nil {
		t.set(func() { t.removed = true })
	}
	return nil
}

// shutdownTime bounds how long a shim may take to end its containers before it is killed.
const shutdownTime = 15 * time.Second

// end shuts the shim down and returns once it is dead and nothing of the task runs.
func (t *task) end(ctx context.Context) error {
	t.set(func() { t.ending = true })
	patient, cancel := context.WithTimeout(ctx, shutdownTime)
	defer cancel()
	err := t.call(patient, func(conn *shim.Conn) error { return conn.Shutdown(patient) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, errShimDied) {
		t.engine.config.Log.Warn("a shim doesn't shut down and is killed", "task", t.id, "error", err)
		t.kill()
	}
	select {
	case <-t.dead:
		return t.engine.clear(ctx, t.id)
	case <-ctx.Done():
		return ctx.Err()
	case <-t.engine.life.Done():
		return errors.New("the engine is closed")
	}
}

// endUnknown clears a directory in which a task's creation was cut off. A shim may yet come up there.
func (e *Engine) endUnknown(ctx context.Context, id string) error {
	if _, err := os.Stat(e.dir(id)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock, err := lockDir(e.dir(id))
	if err != nil {
		return err
	}
	defer lock.Close()
	return e.clear(ctx, id)
}
