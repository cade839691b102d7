package service

import (
	"context"
	"errors"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// How long and how much is kept of what is over.
const (
	deletedKept     = 24 * time.Hour // services that are INACTIVE
	deploymentsKept = 90 * 24 * time.Hour
	mostDeployments = 100 // of a service
	sweepEvery      = time.Hour
)

// sweeper forgets services that were deleted, and deployments that are long over with the revisions that they alone have. It
// runs on the leader.
type sweeper struct {
	*Scheduler
	leader store.Updater
}

// run sweeps until ctx ends.
func (s *sweeper) run(ctx context.Context) {
	every := time.NewTicker(sweepEvery)
	defer every.Stop()
	for {
		select {
		case now := <-every.C:
			if err := s.sweep(ctx, now); err != nil && ctx.Err() == nil {
				s.log.Error("what is over of services could not be forgotten, and will be tried again", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *sweeper) sweep(ctx context.Context, now time.Time) error {
	var errs []error
	for row := range s.Services.All() {
		if v := row.Value; v.Status == Inactive && now.Sub(v.DeletedAt) > deletedKept {
			errs = append(errs, s.forget(ctx, row, now))
		} else {
			errs = append(errs, s.trim(ctx, row, now))
		}
	}
	return errors.Join(errs...)
}

// forget takes away a service that was deleted, with all that belongs to it. The record goes last: what is left of the rest when this
// is cut off goes the next time. What is new is spared, for it may be that of another service of the name.
func (s *sweeper) forget(ctx context.Context, row store.Row[Service], now time.Time) error {
	key, spared := row.Value.Key(), now.Add(-sweepEvery)
	err := errors.Join(
		deleteAll(ctx, s.leader, s.Events, row.Scope, keys(s.Events, row.Scope, key, func(e *Event) bool { return e.CreatedAt.Before(spared) })),
		deleteAll(ctx, s.leader, s.TaskSets, row.Scope, keys(s.TaskSets, row.Scope, key, func(t *TaskSet) bool { return t.CreatedAt.Before(spared) })),
		deleteAll(ctx, s.leader, s.Deployments, row.Scope, keys(s.Deployments, row.Scope, key, func(d *Deployment) bool { return d.CreatedAt.Before(spared) })),
		deleteAll(ctx, s.leader, s.Revisions, row.Scope, keys(s.Revisions, row.Scope, key, func(r *Revision) bool { return r.CreatedAt.Before(spared) })),
	)
	if err != nil || s.Events.Count(row.Scope, ByService, key)+s.Revisions.Count(row.Scope, ByService, key) > 0 {
		return err
	}
	return s.leader.Update(ctx, func(tx *store.Tx) error {
		if v, ok := s.Services.GetTx(tx, row.Scope, key); !ok || v.Status != Inactive {
			return nil // another of its name
		}
		return s.Services.Delete(tx, row.Scope, key)
	})
}

// trim takes away the deployments of a service that are beyond those that are kept, and the revisions that nothing has any more.
func (s *sweeper) trim(ctx context.Context, row store.Row[Service], now time.Time) error {
	var all []*Deployment
	for d := range s.Deployments.Find(row.Scope, ByService, row.Value.Key()) {
		all = append(all, d.Value)
	}
	slices.SortFunc(all, func(a, b *Deployment) int { return b.CreatedAt.Compare(a.CreatedAt) })
	had := map[string]bool{}
	var old []string
	for i, d := range all {
		if d.ID != row.Value.Deployment && (i >= mostDeployments || now.Sub(d.CreatedAt) > deploymentsKept) {
			old = append(old, d.Key())
			continue
		}
		had[d.Target.Revision] = true
		for _, source := range d.Sources {
			had[source.Revision] = true
		}
	}
	if len(old) == 0 && row.Value.Controller != api.DeploymentControllerTypeExternal {
		return nil // whose revisions go with its task sets, not with deployments
	}
	had[row.Value.Current] = true
	for _, r := range s.inUse(row.Scope, row.Value) {
		had[r.ID] = true
	}
	gone := keys(s.Revisions, row.Scope, row.Value.Key(), func(r *Revision) bool { return !had[r.ID] && now.Sub(r.CreatedAt) > sweepEvery })
	return errors.Join(deleteAll(ctx, s.leader, s.Deployments, row.Scope, old), deleteAll(ctx, s.leader, s.Revisions, row.Scope, gone))
}

// keys are the ids in the store of those rows of a service that pass.
func keys[T any](table *store.Table[T], scope store.Scope, service string, passes func(*T) bool) (ids []string) {
	for row := range table.Find(scope, ByService, service) {
		if passes(row.Value) {
			ids = append(ids, row.ID)
		}
	}
	return ids
}

// deleteAll deletes rows in transactions that are not too large.
func deleteAll[T any](ctx context.Context, by store.Updater, table *store.Table[T], scope store.Scope, ids []string) error {
	for chunk := range slices.Chunk(ids, 50) {
		err := by.Update(ctx, func(tx *store.Tx) error {
			for _, id := range chunk {
				if _, ok := table.GetTx(tx, scope, id); !ok {
					continue
				}
				if err := table.Delete(tx, scope, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
