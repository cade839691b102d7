package native

import (
	"context"
	"fmt"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/shim"
)

// statusOf is a shim's state in the engine's terms.
func statusOf(id string, s shim.TaskState, lost string) engine.TaskStatus {
	status := engine.TaskStatus{Task: id, Lost: lost != "", LostReason: lost}
	for _, c := range s.Containers {
		status.Containers = append(status.Containers, engine.ContainerStatus{
			Name: c.Name, RuntimeID: c.RuntimeID, ImageDigest: c.ImageDigest, State: engine.ContainerState(c.Status), Runs: runs(c), PID: c.PID,
			ExitCode: c.ExitCode, ExitKnown: c.ExitKnown, OOMKilled: c.OOMKilled, Error: c.Error,
			CreatedAt: c.CreatedAt, StartedAt: c.StartedAt, FinishedAt: c.FinishedAt,
		})
	}
	return status
}

// runs is how often a container was started: a shim of the protocol's first version starts it once and doesn't say.
func runs(c shim.ContainerState) int {
	if c.Runs == 0 && !c.StartedAt.IsZero() {
		return 1
	}
	return c.Runs
}

// Inspect asks the shim, or tells how a lost task ended.
func (e *Engine) Inspect(ctx context.Context, id string) (engine.TaskStatus, error) {
	t := e.task(id)
	if t == nil {
		return engine.TaskStatus{}, fmt.Errorf("task %s: %w", id, engine.ErrNotFound)
	}
	var s shim.TaskState
	err := t.call(ctx, func(conn *shim.Conn) (err error) {
		s, err = conn.State(ctx)
		return err
	})
	if err == nil {
		return statusOf(id, s, ""), nil
	}
	status, _, _ := t.now()
	if status.Lost {
		return status, nil
	}
	return engine.TaskStatus{}, err
}

// Watch sends the task's states.
func (e *Engine) Watch(ctx context.Context, id string) (<-chan engine.TaskStatus, error) {
	t := e.task(id)
	if t == nil {
		return nil, fmt.Errorf("task %s: %w", id, engine.ErrNotFound)
	}
	states := make(chan engine.TaskStatus)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(e.life, cancel)
	e.going.Go(func() {
		defer close(states)
		defer cancel()
		defer stop()
		select {
		case <-t.known:
			t.send(ctx, states)
		case <-ctx.Done():
		}
	})
	return states, nil
}

// send sends each state, or the latest to a slow reader, until the task is removed or ctx ends.
func (t *task) send(ctx context.Context, states chan<- engine.TaskStatus) {
	for {
		status, removed, changed := t.now()
		if removed {
			return
		}
		select {
		case states <- status:
		case <-changed:
			continue
		case <-ctx.Done():
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
