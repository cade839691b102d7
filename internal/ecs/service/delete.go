package service

import (
	"context"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// DeleteService has a service's tasks stopped: it is DRAINING until the last one has, and then INACTIVE. One that has tasks by
// its desired count is scaled to 0 before, or deleted by force.
func (s *Scheduler) DeleteService(ctx context.Context, r *api.DeleteServiceRequest) (*api.DeleteServiceResponse, error) {
	scope := scopeOf(ctx)
	v, _, err := s.find(scope, r.Cluster, r.Service)
	switch {
	case err != nil:
		return nil, err
	case v == nil:
		return nil, serviceNotFound()
	}
	force := r.Force != nil && *r.Force
	var deleted *Service
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		now, ok := s.Services.GetTx(tx, scope, v.Key())
		switch {
		case !ok || now.Status == Inactive:
			return serviceNotFound()
		case now.Status == Draining:
			deleted = now
			return nil
		case !force && !now.daemon() && now.Settings.DesiredCount > 0:
			return invalidParameter("The service cannot be stopped while it is scaled above 0.")
		}
		copied := *now
		deleted = &copied
		return s.drain(tx, scope, deleted, force)
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteServiceResponse{Service: new(s.describe(scope, deleted, true))}, nil
}

// drain makes a service one that is to have no tasks any more, and writes it.
func (s *Scheduler) drain(tx *store.Tx, scope store.Scope, v *Service, force bool) error {
	now := time.Now().UTC()
	for row := range s.TaskSets.Find(scope, ByService, v.Key()) {
		if !force {
			return invalidParameter("The service cannot be stopped while deployments are active.")
		}
		if set, ok := s.TaskSets.GetTx(tx, scope, row.ID); ok && set.Status != Draining {
			if err := s.TaskSets.Put(tx, scope, row.ID, set.draining(now)); err != nil {
				return err
			}
		}
	}
	if err := s.supersede(tx, scope, v, "the deletion of the service", now); err != nil {
		return err
	}
	v.Status, v.DeletedAt, v.SteadyAt, v.Request = Draining, now, time.Time{}, ""
	v.Settings.DesiredCount, v.Version = 0, v.Version+1
	v.Rollouts = slices.Clone(v.Rollouts)
	for i := range v.Rollouts {
		v.Rollouts[i].DesiredCount, v.Rollouts[i].UpdatedAt = 0, now
		if v.Rollouts[i].Primary {
			v.Current = v.Rollouts[i].Revision
		}
	}
	return s.Services.Put(tx, scope, v.Key(), v)
}
