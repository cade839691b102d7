package task

import (
	"context"
	"os"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
)

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
	if t.payload.NetworkMode == "awsvpc" {
		return t.Network.Detach(ctx, t.id)
	}
	return t.Network.Unbridge(ctx, t.id)
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
