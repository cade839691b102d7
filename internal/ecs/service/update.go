package service

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// UpdateService changes a service. What its tasks are made of changes by a deployment: what else is changed holds for the tasks
// that are started from then on.
func (s *Scheduler) UpdateService(ctx context.Context, r *api.UpdateServiceRequest) (*api.UpdateServiceResponse, error) {
	scope := scopeOf(ctx)
	key, err := s.active(scope, r.Cluster, r.Service)
	if err != nil {
		return nil, err
	}
	var written *Service
	for written == nil {
		row, _ := s.Services.Get(scope, key)
		if row.Value == nil {
			return nil, serviceNotFound()
		}
		changed, err := s.changed(ctx, scope, row.Value, r)
		if err != nil {
			return nil, err
		}
		err = s.db.Update(ctx, func(tx *store.Tx) error {
			written = nil
			v, err := s.activeTx(tx, scope, key)
			if err != nil || v != row.Value { // changed meanwhile: work it out again
				return err
			}
			written, err = s.change(tx, scope, changed)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return &api.UpdateServiceResponse{Service: new(s.describe(scope, written, true))}, nil // not what others have made of it since
}

// change writes a changed service, with a deployment if the draft has a new revision, and returns it.
func (s *Scheduler) change(tx *store.Tx, scope store.Scope, d draft) (*Service, error) {
	v := *d.service
	now := time.Now().UTC()
	if d.revision != nil {
		if err := s.ecs.RunnableTx(tx, scope, d.revision.definition()); err != nil {
			return nil, err
		}
		if err := s.begin(tx, scope, &v, d.revision, now); err != nil {
			return nil, err
		}
	} else if p := slices.IndexFunc(v.Rollouts, func(o Rollout) bool { return o.Primary }); p >= 0 {
		v.Rollouts = slices.Clone(v.Rollouts)
		o := &v.Rollouts[p]
		o.UpdatedAt = now
		o.startAtOnce()
		if v.Scheduling == api.SchedulingStrategyReplica {
			o.DesiredCount = v.Settings.DesiredCount
		}
	}
	v.Request, v.Version = "", v.Version+1
	return &v, s.Services.Put(tx, scope, v.Key(), &v)
}

// changed checks a request and works out the service that it makes of what was. The draft has a revision when there is to be a
// deployment.
func (s *Scheduler) changed(ctx context.Context, scope store.Scope, was *Service, r *api.UpdateServiceRequest) (d draft, err error) {
	v := *was
	if t := r.DeploymentController; t != nil && t.Type != "" && t.Type != v.Controller {
		return d, unsupported("The deployment controller of a service can't be changed by Berth yet: it is %s.", v.Controller)
	}
	set := &v.Settings
	set.Configuration = configured(set.Configuration, r.DeploymentConfiguration, v.Scheduling)
	set.Constraints, set.Strategy = either(r.PlacementConstraints, set.Constraints), either(r.PlacementStrategy, set.Strategy)
	set.Rebalancing = cmp.Or(r.AvailabilityZoneRebalancing, set.Rebalancing)
	set.PropagateTags = cmp.Or(r.PropagateTags, set.PropagateTags)
	set.GraceSeconds = cmp.Or(r.HealthCheckGracePeriodSeconds, set.GraceSeconds)
	if r.EnableExecuteCommand != nil {
		set.Executable = *r.EnableExecuteCommand
	}
	if r.EnableECSManagedTags != nil {
		set.ManagedTags = *r.EnableECSManagedTags
	}
	if r.DesiredCount != nil {
		if err := desired(&v, r.DesiredCount); err != nil {
			return d, err
		}
	}
	p := parameters{r.TaskDefinition, "", r.CapacityProviderStrategy, r.PlatformVersion, r.NetworkConfiguration, r.LoadBalancers}
	if v.Controller == api.DeploymentControllerTypeExternal {
		return draft{service: &v}, s.checkTaskSets(ctx, scope, &v, p, r.ForceNewDeployment)
	}
	before := s.current(scope, was)
	now, err := s.revise(scope, &v, p, before)
	if err != nil {
		return d, err
	}
	fresh := r.ForceNewDeployment || !now.same(before)
	if fresh && !r.ForceNewDeployment && !sameCapacity(now, before) {
		return d, invalidParameter("When switching from launch type to capacity provider strategy on an existing service, or making a change to a capacity provider strategy on a service that is already using one, you must force a new deployment.")
	}
	if !fresh && !touches(r) {
		return draft{service: &v}, s.checkSettings(scope, &v, now, r.DeploymentConfiguration != nil)
	}
	if err := s.check(ctx, scope, draft{&v, now}); err != nil {
		return d, err
	}
	if d.service = &v; fresh {
		d.revision = now
	}
	return d, nil
}

// touches tells whether a request says something that the tasks' placement depends on.
func touches(r *api.UpdateServiceRequest) bool {
	return r.PlacementConstraints != nil || r.PlacementStrategy != nil
}

// checkSettings is check for a service whose revision stays: that a task definition of it was deregistered meanwhile, or a target group
// deleted, does not keep it from being scaled. How the traffic is shifted is checked when the request configures it: the endpoint of a
// hook may have gone since.
func (s *Scheduler) checkSettings(scope store.Scope, v *Service, r *Revision, configures bool) error {
	c := &v.Settings.Configuration
	if err := cmp.Or(checkScheduling(v), checkConfiguration(c, v.Scheduling)); err != nil {
		return err
	}
	if configures {
		if err := cmp.Or(checkShift(c, s.config.Hooks.Check), checkAlternates(c, r)); err != nil {
			return err
		}
	}
	return s.checkRebalancing(scope, v, r)
}

// checkTaskSets is check for a service whose task sets have all that tasks are made of.
func (s *Scheduler) checkTaskSets(ctx context.Context, scope store.Scope, v *Service, p parameters, force bool) error {
	switch {
	case p.taskDefinition != "":
		return invalidParameter("Unable to update task definition on services with an EXTERNAL deployment controller.")
	case force:
		return invalidParameter("Cannot force a new deployment on services with an EXTERNAL deployment controller.")
	}
	if err := ofTaskSets(p); err != nil {
		return err
	}
	return s.check(ctx, scope, draft{service: v})
}

// same tells whether two revisions make the same tasks.
func (r *Revision) same(o *Revision) bool {
	a, b := *r, *o
	for _, x := range []*Revision{&a, &b} {
		x.ID, x.CreatedAt, x.Images, x.Platform = "", time.Time{}, nil, ""
		if len(x.LoadBalancers) == 0 {
			x.LoadBalancers = nil
		}
		if len(x.Providers) == 0 {
			x.Providers = nil
		}
	}
	return reflect.DeepEqual(a, b)
}

// sameCapacity tells whether the tasks of two revisions are run by the same launch type or strategy.
func sameCapacity(a, b *Revision) bool {
	return a.LaunchType == b.LaunchType && slices.Equal(a.Providers, b.Providers)
}
