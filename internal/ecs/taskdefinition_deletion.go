package ecs

import (
	"context"
	"errors"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// deletions takes away the revisions that were deleted, each once no task of it is left that has not stopped, and no service refers to it. It runs on
// the leader. It works by level: what it waits for it finds in the store at its start, and looks at all of it again in
// every sweep.
//
// A task starts of an active revision alone, or of one that a service refers to, which its commit compares, and none becomes active again: of a
// revision that is to be deleted there can only be fewer services, and without them fewer tasks.
type deletions struct {
	service *Service
	leader  *store.Leader
	waiting map[definitionKey]bool
}

type definitionKey struct {
	scope    store.Scope
	revision Revision
}

func newDeletions(s *Service, leader *store.Leader) *deletions {
	return &deletions{service: s, leader: leader, waiting: map[definitionKey]bool{}}
}

// run deletes until ctx ends.
func (d *deletions) run(ctx context.Context) {
	rows, events := d.service.TaskDefinitions.Watch(ctx)
	for _, row := range rows {
		d.changed(row)
	}
	d.sweep(ctx)
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			if e.New != nil && d.changed(*e.New) {
				d.sweep(ctx)
			}
		case <-sweep.C:
			d.sweep(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// changed tells whether a revision is to be deleted, and waits for it then.
func (d *deletions) changed(row store.Row[TaskDefinition]) bool {
	if row.Value.Definition.Status != api.TaskDefinitionStatusDeleteInProgress {
		return false
	}
	d.waiting[definitionKey{row.Scope, row.Value.Revision()}] = true
	return true
}

// sweep deletes what nothing refers to any more.
func (d *deletions) sweep(ctx context.Context) {
	for key := range d.waiting {
		if d.service.Tasks.Count(key.scope, taskCounts, definitionCount(key.revision)) > 0 || d.service.config.Services.Refer(key.scope, key.revision) {
			continue
		}
		err := d.delete(ctx, key)
		switch {
		case err == nil:
			delete(d.waiting, key)
		case ctx.Err() != nil || errors.Is(err, store.ErrFenced) || errors.Is(err, store.ErrClosed):
			return
		default:
			d.service.log.Error("a task definition could not be deleted, and will be tried again", "revision", key.revision, "error", err)
		}
	}
}

func (d *deletions) delete(ctx context.Context, key definitionKey) error {
	table, id := d.service.TaskDefinitions, key.revision.Key()
	return d.leader.Update(ctx, func(tx *store.Tx) error {
		if found, ok := table.GetTx(tx, key.scope, id); !ok || found.Definition.Status != api.TaskDefinitionStatusDeleteInProgress {
			return nil
		}
		return table.Delete(tx, key.scope, id)
	})
}
