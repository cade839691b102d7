package ecs

import (
	"context"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// What only time makes due.

func (r *reconciler) sweep(ctx context.Context, now time.Time) {
	for row := range r.service.Instances.All() {
		r.instanceChanged(row.Scope, row.ID, row.Value)
		if row.Value.Status == instanceInactive && now.Sub(row.Value.DeregisteredAt) > keptFor(row.Value) {
			r.forgetInstance(ctx, row)
		}
	}
}

// keepAbandoned is how long the agent of an instance that was deregistered by force may take to come back.
const keepAbandoned = 30 * 24 * time.Hour

// keptFor is how long a deregistered instance is kept: longer while its agent has still to be told to stop what it runs.
func keptFor(i *Instance) time.Duration {
	if i.Abandoned && i.LeftAt.IsZero() {
		return keepAbandoned
	}
	return keepStopped
}

// forgetInstance deletes a deregistered instance.
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
