package ecs

import (
	"context"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/store"
)

// InstanceHealth is what an agent has reported of one part of its machine.
type InstanceHealth struct {
	Type             api.InstanceHealthCheckType  `json:"type"`
	Status           api.InstanceHealthCheckState `json:"status"`
	LastUpdated      time.Time                    `json:"lastUpdated"`
	LastStatusChange time.Time                    `json:"lastStatusChange"`
}

// stale is how old a record of health may be that nothing has changed in: agents report several times a minute.
const stale = 10 * time.Minute

// ApplyInstanceHealth applies an agent's report of its machine. LastStatusChange is worked out here. What is no news is
// written when the record is ten minutes old.
func (s *Service) ApplyInstanceHealth(ctx context.Context, scope store.Scope, instance string, reports []InstanceHealth) error {
	if row, ok := s.Instances.Get(scope, instance); !ok || sameHealth(row.Value.Health, reports) {
		return nil
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		old, ok := s.Instances.GetTx(tx, scope, instance)
		if !ok || old.Status == instanceInactive {
			return nil
		}
		i := *old
		i.Health = slices.Clone(old.Health)
		for _, r := range reports {
			r.LastStatusChange = r.LastUpdated
			at := slices.IndexFunc(i.Health, func(h InstanceHealth) bool { return h.Type == r.Type })
			switch {
			case at < 0:
				i.Health = append(i.Health, r)
				continue
			case i.Health[at].Status == r.Status:
				r.LastStatusChange = i.Health[at].LastStatusChange
			}
			i.Health[at] = r
		}
		return s.Instances.Put(tx, scope, instance, &i)
	})
}

// sameHealth tells whether reports bring nothing that is worth to be written.
func sameHealth(have, reports []InstanceHealth) bool {
	return !slices.ContainsFunc(reports, func(r InstanceHealth) bool {
		return !slices.ContainsFunc(have, func(h InstanceHealth) bool {
			return h.Type == r.Type && h.Status == r.Status && r.LastUpdated.Sub(h.LastUpdated) < stale
		})
	})
}

// describeHealth is an instance's health as the API shows it: as bad as the worst part of it, and not known while its agent
// is not connected.
func (s *Service) describeHealth(i *Instance) *api.ContainerInstanceHealthStatus {
	out := &api.ContainerInstanceHealthStatus{OverallStatus: api.InstanceHealthCheckStateInsufficientData, Details: []api.InstanceHealthCheckResult{}}
	worst := -1
	for _, h := range i.Health {
		out.Details = append(out.Details, api.InstanceHealthCheckResult{Type: h.Type, Status: h.Status,
			LastUpdated: schema.At(h.LastUpdated), LastStatusChange: schema.At(h.LastStatusChange)})
		worst = max(worst, slices.Index(fromBest, h.Status))
	}
	if worst >= 0 && s.connected(i) {
		out.OverallStatus = fromBest[worst]
	}
	return out
}

var fromBest = []api.InstanceHealthCheckState{
	api.InstanceHealthCheckStateOk, api.InstanceHealthCheckStateInitializing, api.InstanceHealthCheckStateInsufficientData, api.InstanceHealthCheckStateImpaired,
}
