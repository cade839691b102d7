package service

import (
	"errors"
	"fmt"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// Primary is the newest rollout of a service; nil under controller EXTERNAL, and of a service that was deleted.
func (s *Service) Primary() *Rollout {
	for i := range s.Rollouts {
		if s.Rollouts[i].Primary {
			return &s.Rollouts[i]
		}
	}
	return nil
}

// inProgress is the reason of the state of a rollout that is under way.
func inProgress(rollout string) string { return fmt.Sprintf("ECS deployment %s in progress.", rollout) }

// begin puts a new revision of a service in the place of the one that is rolled out, as part of the transaction: with a
// deployment that takes the service there. v is a copy of the service's record that the caller writes after it.
func (s *Scheduler) begin(tx *store.Tx, scope store.Scope, v *Service, r *Revision, now time.Time) error {
	d := &Deployment{
		ID: NewDeploymentID(), Service: v.Name, Cluster: v.Cluster, Rollout: NewRolloutID(), Configuration: v.Settings.Configuration,
		Target: Source{Revision: r.ID, Requested: v.Settings.DesiredCount}, Status: api.ServiceDeploymentStatusPending, CreatedAt: now, UpdatedAt: now,
	}
	for _, before := range v.Rollouts {
		pending, running := s.counts(scope, before.ID)
		d.Sources = append(d.Sources, Source{Revision: before.Revision, Requested: before.DesiredCount, Running: running, Pending: pending})
	}
	if err := s.supersede(tx, scope, v, DeploymentARN(scope, v.Cluster, v.Name, d.ID), now); err != nil {
		return err
	}
	v.Rollouts = slices.Clone(v.Rollouts)
	for i := range v.Rollouts {
		v.Rollouts[i].Primary = false
	}
	v.Rollouts = append([]Rollout{{
		ID: d.Rollout, Revision: r.ID, Primary: true, CreatedAt: now, UpdatedAt: now, DesiredCount: v.Settings.DesiredCount,
		State: api.DeploymentRolloutStateInProgress, StateReason: inProgress(d.Rollout),
	}}, v.Rollouts...)
	v.Deployment, v.SteadyAt = d.ID, time.Time{}
	if err := s.Revisions.Create(tx, scope, r.Key(), r); err != nil {
		return err
	}
	return s.Deployments.Create(tx, scope, d.Key(), d)
}

// supersede ends the deployment of a service that is under way, if one is, because another thing was asked for.
func (s *Scheduler) supersede(tx *store.Tx, scope store.Scope, v *Service, by string, now time.Time) error {
	if v.Deployment == "" {
		return nil
	}
	err := s.Deployments.Modify(tx, scope, PartKey(v.Cluster, v.Name, v.Deployment), func(d *Deployment) error {
		d.Status, d.StatusReason = api.ServiceDeploymentStatusStopped, "The service deployment was stopped because of "+by+"."
		d.StoppedAt, d.FinishedAt, d.UpdatedAt = now, now, now
		if b := d.Breaker; b != nil && b.Status == api.ServiceDeploymentRollbackMonitorsStatusMonitoring {
			over := *b
			over.Status = api.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete
			d.Breaker = &over
		}
		s.tally(scope, v, d)
		return nil
	})
	if v.Deployment = ""; errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// tally writes down the last counts of the revisions of a deployment.
func (s *Scheduler) tally(scope store.Scope, v *Service, d *Deployment) {
	last := func(of *Source) {
		of.Requested, of.Running, of.Pending = 0, 0, 0
		for _, o := range v.Rollouts {
			if o.Revision == of.Revision {
				of.Requested = o.DesiredCount
				of.Pending, of.Running = s.counts(scope, o.ID)
				return
			}
		}
	}
	last(&d.Target)
	d.Sources = append([]Source(nil), d.Sources...)
	for i := range d.Sources {
		last(&d.Sources[i])
	}
}
