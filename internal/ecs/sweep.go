package ecs

import (
	"context"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// What only time makes due.

func (r *reconciler) sweep(ctx context.Context, now time.Time) {
	for row := range r.service.Instances.All() {
		r.instanceChanged(row.Scope, row.ID, row.Value)
		forget(ctx, r, r.service.Instances, row, func(i *Instance) bool {
			return i.Status == instanceInactive && now.Sub(i.DeregisteredAt) > keptFor(i)
		})
	}
	for row := range r.service.Clusters.All() {
		forget(ctx, r, r.service.Clusters, row, func(c *Cluster) bool {
			return c.Status == clusterInactive && now.Sub(latest(c.CreatedAt, c.DeletedAt)) > keepHistory // its tasks are described as long
		})
	}
	for row := range r.service.CapacityProviders.All() {
		forget(ctx, r, r.service.CapacityProviders, row, func(p *CapacityProvider) bool {
			return p.Status == api.CapacityProviderStatusInactive && now.Sub(latest(p.CreatedAt, p.DeletedAt)) > keepStopped
		})
	}
}

// latest is the later of two times. Records of an earlier release don't have the second.
func latest(made, deleted time.Time) time.Time {
	if deleted.After(made) {
		return deleted
	}
	return made
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

// forget deletes a row whose time has come.
func forget[T any](ctx context.Context, r *reconciler, table *store.Table[T], row store.Row[T], due func(*T) bool) {
	if !due(row.Value) {
		return
	}
	err := r.leader.Update(ctx, func(tx *store.Tx) error {
		if now, ok := table.GetTx(tx, row.Scope, row.ID); !ok || !due(now) {
			return nil
		}
		return table.Delete(tx, row.Scope, row.ID)
	})
	if err != nil {
		r.service.log.Warn("what was deleted a while ago could not be forgotten, and will be tried again", "id", row.ID, "error", err)
	}
}
