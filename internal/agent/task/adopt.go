package task

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/berth-dev/berth/internal/agent/db"
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

// removeUnknown removes from the machine what no task in the database accounts for.
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
			if err := r.Engine.RemoveTask(ctx, id); err != nil {
				return err
			}
		}
	}
	for _, net := range r.Network.List() {
		if !known[net.Task] {
			if err := r.Network.Detach(ctx, net.Task); err != nil {
				return err
			}
		}
	}
	return r.removeDirectories(known)
}

func (r *Runner) removeDirectories(known map[string]bool) error {
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !known[e.Name()] {
			if err := os.RemoveAll(filepath.Join(r.Dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
