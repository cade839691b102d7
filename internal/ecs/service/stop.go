package service

import (
	"cmp"
	"context"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// StopServiceDeployment stops a deployment that is under way: by going back to the revision that was deployed before, or by leaving
// the service as it is now. The scheduler does it; the deployment's status tells how far it has come.
func (s *Scheduler) StopServiceDeployment(ctx context.Context, r *api.StopServiceDeploymentRequest) (*api.StopServiceDeploymentResponse, error) {
	to := api.ServiceDeploymentStatusRollbackRequested
	if cmp.Or(r.StopType, api.StopServiceDeploymentStopTypeRollback) == api.StopServiceDeploymentStopTypeAbort {
		to = api.ServiceDeploymentStatusStopRequested
	}
	err := s.changeDeployment(ctx, r.ServiceDeploymentArn, func(v *Service, d *Deployment) error {
		switch {
		case v.Deployment != d.ID || d.Status != api.ServiceDeploymentStatusPending && d.Status != api.ServiceDeploymentStatusInProgress:
			return wire.Errorf(api.ConflictException, "The service deployment is %s and can't be stopped.", d.Status)
		case to == api.ServiceDeploymentStatusRollbackRequested && v.Completed == "" && d.From == "":
			return invalidParameter("The service deployment can't be rolled back: no deployment of the service has completed before. Stop it with stopType ABORT.")
		}
		d.Status, d.StatusReason = to, "Service deployment stop requested by user."
		return nil
	})
	return &api.StopServiceDeploymentResponse{ServiceDeploymentArn: r.ServiceDeploymentArn}, err
}

// ContinueServiceDeployment answers a lifecycle hook that pauses a deployment.
func (s *Scheduler) ContinueServiceDeployment(ctx context.Context, r *api.ContinueServiceDeploymentRequest) (*api.ContinueServiceDeploymentResponse, error) {
	err := s.changeDeployment(ctx, r.ServiceDeploymentArn, func(_ *Service, d *Deployment) error {
		if d.over() {
			return invalidParameter("The service deployment is %s and can't be continued.", d.Status)
		}
		i := slices.IndexFunc(d.Hooks, func(h Hook) bool { return h.ID == r.HookId })
		switch {
		case i < 0:
			return invalidParameter("The service deployment has no lifecycle hook %s.", r.HookId)
		case d.Hooks[i].Status != api.DeploymentLifecycleHookStatusAwaitingAction:
			return invalidParameter("The lifecycle hook %s awaits no action: it is %s.", r.HookId, d.Hooks[i].Status)
		}
		d.Hooks = slices.Clone(d.Hooks)
		if d.Hooks[i].Status = api.DeploymentLifecycleHookStatusSucceeded; r.Action == api.DeploymentLifecycleHookActionRollback {
			d.Hooks[i].Status = api.DeploymentLifecycleHookStatusFailed
		}
		return nil
	})
	return &api.ContinueServiceDeploymentResponse{ServiceDeploymentArn: r.ServiceDeploymentArn}, err
}

// changeDeployment changes a deployment, of which change gets a copy. The record of its service is written too: the scheduler learns of
// it by that.
func (s *Scheduler) changeDeployment(ctx context.Context, arn string, change func(*Service, *Deployment) error) error {
	scope := scopeOf(ctx)
	key, err := partOf(scope, "service-deployment", arn)
	if err != nil {
		return err
	}
	notFound := wire.Errorf(api.ServiceDeploymentNotFoundException, "The specified service deployment was not found.")
	return s.db.Update(ctx, func(tx *store.Tx) error {
		found, ok := s.Deployments.GetTx(tx, scope, key)
		if !ok {
			return notFound
		}
		v, ok := s.Services.GetTx(tx, scope, Key(found.Cluster, found.Service))
		if !ok {
			return notFound
		}
		d := *found
		if err := change(v, &d); err != nil {
			return err
		}
		d.UpdatedAt = time.Now().UTC()
		if err := s.Deployments.Put(tx, scope, key, &d); err != nil {
			return err
		}
		changed := *v
		changed.Version++
		return s.Services.Put(tx, scope, v.Key(), &changed)
	})
}
