package task

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// watch follows the task while it runs and reports what becomes of containers without which it goes on. It returns
// when it does not go on: a *failure, or the end of ctx.
func (t *task) watch(ctx context.Context) error {
	for {
		states, err := t.Engine.Watch(ctx, t.id)
		if err == nil {
			for s := range states {
				if err := t.look(ctx, s); err != nil {
					return err
				}
			}
		}
		// The engine has let go of the watch. Whether the task is still there decides.
		s, found, err := t.inspect(ctx)
		switch {
		case err != nil:
			return err
		case !found:
			return errGone
		}
		if err := t.look(ctx, s); err != nil {
			return err
		}
		if !pause(ctx, 100*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}

// look takes in a state of the running task.
func (t *task) look(ctx context.Context, s engine.TaskStatus) error {
	t.observe(s)
	switch {
	case s.Lost:
		return &failure{lost(s)}
	case t.hasEnded(s):
		return errEssential
	}
	for _, c := range t.payload.Containers {
		have := find(s, c.Name)
		if have != nil && have.State == engine.Stopped && t.progress.Containers[c.Name].Reported != stopped {
			return t.report(ctx, s, running)
		}
	}
	return nil
}

// end stops what runs, gives the network back, and reports the end. It returns early only when ctx ends.
func (t *task) end(ctx context.Context) {
	status, err := t.halt(ctx)
	if err != nil {
		return
	}
	if t.progress.ExecutionStoppedAt.IsZero() {
		t.progress.ExecutionStoppedAt = t.stoppedAt(status)
	}
	// The address may be another task's as soon as the end is known.
	if t.until(ctx, "be detached from its network", t.detach) != nil {
		return
	}
	statuses := []string{stopped}
	if !t.progress.Running && t.hasRun(status) {
		statuses = []string{running, stopped}
	}
	if err := t.report(ctx, status, statuses...); err == nil {
		t.log.Info("task stopped", "reason", t.progress.Failed)
	}
}

// halt stops the task's containers, all at once, each with its own grace, and returns the task as it is then.
func (t *task) halt(ctx context.Context) (engine.TaskStatus, error) {
	for wait := backoff(100*time.Millisecond, 30*time.Second); ; {
		status, _, err := t.inspect(ctx)
		if err != nil {
			return status, err
		}
		var wg sync.WaitGroup
		for _, c := range status.Containers {
			if c.State != engine.Stopped {
				wg.Go(func() {
					if err := t.Engine.StopContainer(ctx, t.id, c.Name, t.grace(c.Name)); err != nil && ctx.Err() == nil {
						t.log.Error("container cannot be stopped; trying again", "container", c.Name, "error", err)
					}
				})
			}
		}
		wg.Wait()
		if status, _, err = t.inspect(ctx); err != nil {
			return status, err
		}
		if !runs(status) {
			return status, nil
		}
		if !pause(ctx, wait()) {
			return status, context.Cause(ctx)
		}
	}
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

// hasRun says that every container that can run has been started.
func (t *task) hasRun(s engine.TaskStatus) bool {
	for _, c := range t.payload.Containers {
		have := find(s, c.Name)
		failed := t.failed(c.Name, have) != ""
		if failed && c.Essential || !failed && (have == nil || have.StartedAt.IsZero()) {
			return false
		}
	}
	return true
}

// stoppedAt is when the task's end began: with the first essential container's, or now.
func (t *task) stoppedAt(s engine.TaskStatus) time.Time {
	first := time.Now()
	for _, c := range t.payload.Containers {
		if have := find(s, c.Name); have != nil && c.Essential && have.State == engine.Stopped && have.FinishedAt.Before(first) && !have.FinishedAt.IsZero() {
			first = have.FinishedAt
		}
	}
	return first
}

func (t *task) detach(ctx context.Context) error {
	if t.payload.NetworkMode != "awsvpc" {
		return nil
	}
	return t.Network.Detach(ctx, t.id)
}

// remove waits until the end is acknowledged and everything that was printed is shipped; then it removes what is left
// of the task from the machine and from the database, in this order.
func (t *task) remove(ctx context.Context) {
	select {
	case <-t.acknowledged:
	case <-ctx.Done():
		return
	}
	t.followRest(ctx)
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"ship the rest of its logs", func(ctx context.Context) error { return t.Logs.Drain(ctx, t.id) }},
		{"be removed from the engine", func(ctx context.Context) error {
			t.Metadata.Forget(t.id)
			t.Logs.Forget(t.id)
			return t.Engine.RemoveTask(ctx, t.id)
		}},
		{"be detached from its network", t.detach},
		{"remove its directory", func(context.Context) error { return os.RemoveAll(t.dir()) }},
	}
	for _, step := range steps {
		if t.until(ctx, step.what, step.do) != nil {
			return
		}
	}
	t.forget(ctx, t)
}
