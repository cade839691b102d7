package ecs

import (
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

func TestWhatWasDeletedIsForgottenInTheEnd(t *testing.T) {
	inBubble(t, func(w *world, _, _ *Instance) {
		w.cluster("made")
		w.provider("racks")
		got(w.DeleteCluster(w.ctx, &api.DeleteClusterRequest{Cluster: "made"}))(w)
		got(w.DeleteCapacityProvider(w.ctx, &api.DeleteCapacityProviderRequest{CapacityProvider: "racks"}))(w)
		kept := func() (clusters, providers int) {
			time.Sleep(2 * sweepEvery)
			c := got(w.DescribeClusters(w.ctx, &api.DescribeClustersRequest{Clusters: []string{"made"}}))(w)
			p := got(w.DescribeCapacityProviders(w.ctx, &api.DescribeCapacityProvidersRequest{CapacityProviders: []string{"racks"}}))(w)
			return len(c.Clusters), len(p.CapacityProviders)
		}
		if clusters, providers := kept(); clusters != 1 || providers != 1 {
			t.Errorf("forgotten at once: %d cluster, %d provider left", clusters, providers)
		}
		longAgo := func(at *time.Time) { *at = at.Add(-keepHistory) }
		w.ok(w.db.Update(w.ctx, func(tx *store.Tx) error {
			w.ok(w.Clusters.Modify(tx, here, "made", func(c *Cluster) error { longAgo(&c.CreatedAt); longAgo(&c.DeletedAt); return nil }))
			return w.CapacityProviders.Modify(tx, here, "racks", func(p *CapacityProvider) error { longAgo(&p.CreatedAt); longAgo(&p.DeletedAt); return nil })
		}))
		if clusters, providers := kept(); clusters != 0 || providers != 0 {
			t.Errorf("long after: %d cluster, %d provider left", clusters, providers)
		}
		if _, err := w.activeCluster(here, "default"); err != nil {
			t.Error("one that is there was forgotten")
		}
	})
}
