package service

import (
	"cmp"
	"context"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxServices is the most services of a cluster.
const maxServices = 5000

// CreateService makes a service; its tasks are started by the scheduler. The same request again, by its client token or by all that
// it says, finds the service that the first one made.
func (s *Scheduler) CreateService(ctx context.Context, r *api.CreateServiceRequest) (*api.CreateServiceResponse, error) {
	scope := scopeOf(ctx)
	cluster, err := s.ecs.KnownCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	if !serviceName.MatchString(r.ServiceName) {
		return nil, invalidParameter("Service name must match %s, but was %s", serviceName, r.ServiceName)
	}
	token, err := clientToken("CreateService", r.ClientToken, r)
	if err != nil {
		return nil, err
	}
	asked := *r
	asked.ClientToken = ""
	params, err := store.Params(&asked)
	if err != nil {
		return nil, err
	}
	key := Key(cluster, r.ServiceName)
	if row, ok := s.Services.Get(scope, key); ok && row.Value.Status != Inactive {
		if err := s.again(row.Value, params); err != nil {
			return nil, err
		}
		return &api.CreateServiceResponse{Service: new(s.describe(scope, row.Value, true))}, nil
	}
	d, err := s.draftOf(ctx, scope, cluster, r)
	if err != nil {
		return nil, err
	}
	d.service.Request = params
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		_, err := once(tx, scope, token, "service", key, func() error { return s.create(tx, scope, d) })
		return err
	})
	if err != nil {
		return nil, err
	}
	row, _ := s.Services.Get(scope, key)
	return &api.CreateServiceResponse{Service: new(s.describe(scope, row.Value, true))}, nil
}

// again is why a service that is there can't be made once more; nil when the request is the one that made it.
func (s *Scheduler) again(v *Service, params string) error {
	switch {
	case v.Status == Draining:
		return invalidParameter("Unable to Start a service that is still Draining.")
	case v.Request != params:
		return notIdempotent("service")
	}
	return nil
}

// create writes a new service. One of its name that was deleted leaves its place to it.
func (s *Scheduler) create(tx *store.Tx, scope store.Scope, d draft) error {
	v := *d.service
	if _, err := s.ecs.ActiveCluster(tx, scope, v.Cluster); err != nil {
		return err
	}
	if before, ok := s.Services.GetTx(tx, scope, v.Key()); ok {
		if before.Status != Inactive {
			return s.again(before, v.Request)
		}
		v.Events = before.Events
	}
	if s.Services.Count(scope, ServicesByStatus, v.Cluster+"/"+Active) >= maxServices {
		return invalidParameter("The maximum number of services per cluster has been exceeded.")
	}
	if d.revision != nil {
		if err := s.ecs.RunnableTx(tx, scope, d.revision.definition()); err != nil {
			return err
		}
		if err := s.begin(tx, scope, &v, d.revision, v.CreatedAt); err != nil {
			return err
		}
	}
	return s.Services.Put(tx, scope, v.Key(), &v)
}

// draftOf checks a request and works out the service that it asks for.
func (s *Scheduler) draftOf(ctx context.Context, scope store.Scope, cluster string, r *api.CreateServiceRequest) (d draft, err error) {
	v := &Service{
		Name: r.ServiceName, Cluster: cluster, Status: Active, CreatedAt: time.Now().UTC(), CreatedBy: wire.CallerOf(ctx).ARN,
		Scheduling: cmp.Or(r.SchedulingStrategy, api.SchedulingStrategyReplica), Controller: api.DeploymentControllerTypeEcs,
		Role: r.Role, Tags: r.Tags, Version: 1,
		Settings: Settings{
			GraceSeconds: r.HealthCheckGracePeriodSeconds, Constraints: r.PlacementConstraints, Strategy: r.PlacementStrategy, Rebalancing: r.AvailabilityZoneRebalancing,
			Executable: r.EnableExecuteCommand, ManagedTags: r.EnableECSManagedTags, PropagateTags: cmp.Or(r.PropagateTags, api.PropagateTagsNone),
		},
	}
	if r.DeploymentController != nil {
		v.Controller = cmp.Or(r.DeploymentController.Type, v.Controller)
	}
	v.Settings.Configuration = configured(api.DeploymentConfiguration{}, r.DeploymentConfiguration, v.Scheduling)
	if err := ecs.ValidateTags(r.Tags); err != nil {
		return d, err
	}
	if err := desired(v, r.DesiredCount); err != nil {
		return d, err
	}
	p := parameters{r.TaskDefinition, r.LaunchType, r.CapacityProviderStrategy, r.PlatformVersion, r.NetworkConfiguration, r.LoadBalancers}
	if v.Controller == api.DeploymentControllerTypeExternal {
		if err := ofTaskSets(p); err != nil {
			return d, err
		}
		v.Settings.Rebalancing = cmp.Or(v.Settings.Rebalancing, api.AvailabilityZoneRebalancingDisabled)
		return draft{service: v}, s.check(ctx, scope, draft{service: v})
	}
	if r.TaskDefinition == "" {
		return d, wire.Errorf(api.ClientException, "TaskDefinition can not be blank.")
	}
	revision, err := s.revise(scope, v, p, nil)
	if err != nil {
		return d, err
	}
	if v.Settings.Rebalancing == "" {
		v.Settings.Rebalancing = api.AvailabilityZoneRebalancingEnabled
		if s.unbalanced(scope, v, revision) != "" {
			v.Settings.Rebalancing = api.AvailabilityZoneRebalancingDisabled
		}
	}
	d = draft{v, revision}
	return d, s.check(ctx, scope, d)
}

// desired sets how many tasks a service is to have.
func desired(v *Service, asked *int32) error {
	switch {
	case v.Scheduling == api.SchedulingStrategyDaemon && asked != nil:
		return invalidParameter("The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again.")
	case asked != nil:
		v.Settings.DesiredCount = *asked
	case v.Scheduling == api.SchedulingStrategyReplica && v.Controller == api.DeploymentControllerTypeEcs:
		return invalidParameter("The replica scheduling strategy requires a desired count for services. Specify a desired count and try again.")
	}
	return nil
}

// ofTaskSets refuses what the task sets of a service have, and not the service itself.
func ofTaskSets(p parameters) error {
	for _, of := range []struct {
		name string
		set  bool
	}{
		{"task definition", p.taskDefinition != ""}, {"launch type", p.launchType != ""}, {"capacity provider strategy", len(p.providers) > 0},
		{"platform version", p.platform != ""}, {"network configuration", p.network != nil}, {"load balancer", len(p.balancers) > 0},
	} {
		if of.set {
			return invalidParameter("A %s cannot be specified for a service with an EXTERNAL deployment controller: its task sets have it.", of.name)
		}
	}
	return nil
}
