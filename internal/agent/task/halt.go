package task

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// halt stops the task's containers, in the reverse of the order in which they wait for each other to start, and returns
// the task as it is then.
func (t *task) halt(ctx context.Context) (engine.TaskStatus, error) {
	for wait := backoff(100*time.Millisecond, 30*time.Second); ; {
		status, _, err := t.inspect(ctx)
		if err != nil {
			return status, err
		}
		t.stopContainers(ctx, status)
		if status, _, err = t.inspect(ctx); err != nil {
			return status, err
		}
		if !runs(status) {
			return status, nil
		}
		if !retry.Pause(ctx, wait()) {
			return status, context.Cause(ctx)
		}
	}
}

// stopContainers stops each container as soon as those that depend on it have stopped, with its own grace. What has
// stopped already is told to, so that it is not restarted and its output comes to its end.
func (t *task) stopContainers(ctx context.Context, s engine.TaskStatus) {
	down := map[string]chan struct{}{}
	for _, c := range s.Containers {
		down[c.Name] = make(chan struct{})
	}
	var wg sync.WaitGroup
	for _, c := range s.Containers {
		wg.Go(func() {
			defer close(down[c.Name])
			for _, d := range t.dependants(c.Name) {
				if stopped, ok := down[d]; ok {
					<-stopped
				}
			}
			if c.State == engine.Running {
				t.settle(ctx, c.Name)
			}
			_ = t.until(ctx, "stop container "+c.Name, func(ctx context.Context) error {
				err := t.Engine.StopContainer(ctx, t.id, c.Name, t.grace(c.Name))
				if errors.Is(err, engine.ErrNotFound) {
					return nil
				}
				return err
			})
		})
	}
	wg.Wait()
}

func runs(s engine.TaskStatus) bool {
	for _, c := range s.Containers {
		if c.State == engine.Running {
			return true
		}
	}
	return false
}

// grace is the time between a container's stop signal and its kill.
func (t *task) grace(container string) time.Duration {
	if c := t.container(container); c != nil && c.StopTimeout != nil && *c.StopTimeout > 0 {
		return time.Duration(*c.StopTimeout) * time.Second
	}
	return t.StopTimeout
}

func (t *task) container(name string) *acs.Container {
	for i := range t.payload.Containers {
		if t.payload.Containers[i].Name == name {
			return &t.payload.Containers[i]
		}
	}
	return nil
}
