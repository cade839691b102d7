package ecs

import (
	"context"
	"slices"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// What only time makes due.

const (
	// keepStopped is how long a stopped task stays describable at least, and a deregistered instance at most.
	keepStopped = time.Hour
	// keepHistory is how many stopped tasks of an account and region are kept beyond that.
	keepHistory = 1000
)

func (r *reconciler) sweep(ctx context.Context, now time.Time) {
	scopes := map[store.Scope]bool{}
	for row := range r.service.Clusters.All() {
		scopes[row.Scope] = true
	}
	for row := range r.service.Instances.All() {
		r.instanceChanged(row.Scope, row.ID, row.Value)
		if row.Value.Status == instanceInactive && now.Sub(row.Value.DeregisteredAt) > keepStopped {
			r.forgetInstance(ctx, row)
		}
	}
	for scope := range scopes {
		r.forgetTasks(ctx, scope, now)
	}
}

// forgetTasks deletes the oldest of the stopped tasks beyond those that are kept.
func (r *reconciler) forgetTasks(ctx context.Context, scope store.Scope, now time.Time) {
	s := r.service
	extra := s.Tasks.Count(scope, TasksByStatus, string(Stopped)) - keepHistory
	if extra <= 0 {
		return
	}
	stopped := slices.Collect(s.Tasks.Find(scope, TasksByStatus, string(Stopped)))
	slices.SortFunc(stopped, func(a, b store.Row[Task]) int { return a.Value.StoppedAt.Compare(b.Value.StoppedAt) })
	stopped = slices.DeleteFunc(stopped, func(row store.Row[Task]) bool { return now.Sub(row.Value.StoppedAt) <= keepStopped })
	for part := range slices.Chunk(stopped[:min(extra, len(stopped))], 64) {
		err := r.leader.Update(ctx, func(tx *store.Tx) error {
			for _, row := range part {
				if t, ok := s.Tasks.GetTx(tx, scope, row.ID); !ok || t.Status != Stopped {
					continue
				}
				if err := s.Tasks.Delete(tx, scope, row.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			s.log.Warn("stopped tasks could not be forgotten, and will be tried again", "error", err)
			return
		}
	}
}

func (r *reconciler) forgetInstance(ctx context.Context, row store.Row[Instance]) {
	err := r.leader.Update(ctx, func(tx *store.Tx) error {
		i, ok := r.service.Instances.GetTx(tx, row.Scope, row.ID)
		if !ok || i.Status != instanceInactive {
			return nil
		}
		return r.service.Instances.Delete(tx, row.Scope, row.ID)
	})
	if err != nil {
		r.service.log.Warn("a deregistered instance could not be forgotten, and will be tried again", "instance", row.ID, "error", err)
	}
}
