package task

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// recall returns the tasks that an earlier agent left in the database, and sends the reports it did not get to.
func (r *Runner) recall() ([]*task, error) {
	stored, err := r.DB.Tasks()
	if err != nil {
		return nil, err
	}
	reports, err := r.DB.Reports()
	if err != nil {
		return nil, err
	}
	waiting := map[string][]db.Report{}
	for _, report := range reports {
		waiting[report.Task] = append(waiting[report.Task], report)
	}
	var tasks []*task
	for _, s := range stored {
		a, err := Decode(s.Payload)
		if err != nil {
			return nil, fmt.Errorf("%w: task %s: %w", db.ErrDamaged, s.ID, err)
		}
		t := r.newTask(a, s.Identity)
		if t.progress, err = r.DB.Progress(s.ID); err != nil {
			return nil, err
		}
		if s.Stop {
			t.askToStop()
		}
		w := waiting[s.ID]
		if len(w) > 0 {
			r.outbox.add(t.acknowledged, w...)
		}
		if t.progress.Stopped && !slices.ContainsFunc(w, func(r db.Report) bool { return r.Last }) {
			close(t.acknowledged) // its last report is not here any more: it arrived
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// removeUnknown removes from the machine what no task in the database accounts for. What resists is tried again in the
// background: the machine's own tasks don't wait for it.
func (r *Runner) removeUnknown(ctx context.Context, tasks []*task) error {
	known := map[string]bool{}
	for _, t := range tasks {
		known[t.id] = true
	}
	ids, err := r.Engine.Tasks(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !known[id] {
			r.Log.Warn("removing a task that nobody asked for", "task", id)
			r.remove(ctx, "task", id, func(ctx context.Context) error { return r.Engine.RemoveTask(ctx, id) })
		}
	}
	for _, net := range r.Network.List() {
		if !known[net.Task] {
			r.remove(ctx, "network of task", net.Task, func(ctx context.Context) error { return r.Network.Detach(ctx, net.Task) })
		}
	}
	for _, id := range r.Network.BridgedTasks() {
		if !known[id] {
			r.remove(ctx, "networks of the containers of task", id, func(ctx context.Context) error { return r.Network.Unbridge(ctx, id) })
		}
	}
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !known[e.Name()] {
			r.remove(ctx, "directory of task", e.Name(), func(context.Context) error { return os.RemoveAll(filepath.Join(r.Dir, e.Name())) })
		}
	}
	return ctx.Err()
}

// remove removes a leftover, and goes on trying in the background until it is gone or the Runner's life ends.
func (r *Runner) remove(ctx context.Context, what, id string, do func(context.Context) error) {
	err := do(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	r.Log.Error("a leftover can't be removed; trying again in the background", "what", what, "id", id, "error", err)
	r.wg.Go(func() {
		for wait := backoff(time.Second, time.Minute); err != nil; err = do(r.life) {
			if !retry.Pause(r.life, wait()) {
				return
			}
		}
		r.Log.Info("a leftover is removed at last", "what", what, "id", id)
	})
}
