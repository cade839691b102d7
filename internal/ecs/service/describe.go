package service

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// describe is a service as the API shows it.
func (s *Scheduler) describe(scope store.Scope, v *Service, tags bool) api.Service {
	c := v.Settings.Configuration
	out := api.Service{
		ServiceArn: ARN(scope, v.Cluster, v.Name), ServiceName: v.Name, ClusterArn: ecs.ClusterARN(scope, v.Cluster), Status: v.Status,
		DesiredCount: v.Settings.DesiredCount, DeploymentConfiguration: &c, CreatedAt: schema.At(v.CreatedAt), CreatedBy: v.CreatedBy,
		LoadBalancers: []api.LoadBalancer{}, ServiceRegistries: []api.ServiceRegistry{}, Deployments: []api.Deployment{}, Events: s.events(scope, v),
		PlacementConstraints: present(v.Settings.Constraints), PlacementStrategy: present(v.Settings.Strategy),
		SchedulingStrategy: v.Scheduling, DeploymentController: &api.DeploymentController{Type: v.Controller},
		EnableECSManagedTags: v.Settings.ManagedTags, PropagateTags: v.Settings.PropagateTags, EnableExecuteCommand: v.Settings.Executable,
		HealthCheckGracePeriodSeconds: v.Settings.GraceSeconds,
		AvailabilityZoneRebalancing:   v.Settings.Rebalancing, ResourceManagementType: api.ResourceManagementTypeCustomer,
	}
	if tags {
		out.Tags = present(v.Tags)
	}
	for i := range v.Rollouts {
		d := s.describeRollout(scope, v, &v.Rollouts[i])
		out.PendingCount, out.RunningCount = out.PendingCount+d.PendingCount, out.RunningCount+d.RunningCount
		out.Deployments = append(out.Deployments, d)
		out.CurrentServiceRevisions = append(out.CurrentServiceRevisions, api.ServiceCurrentRevisionSummary{
			Arn: RevisionARN(scope, v.Cluster, v.Name, v.Rollouts[i].Revision), RequestedTaskCount: d.DesiredCount,
			RunningTaskCount: d.RunningCount, PendingTaskCount: d.PendingCount,
		})
	}
	if v.Controller == api.DeploymentControllerTypeExternal {
		out.TaskSets = s.taskSets(scope, v, tags)
		for _, set := range out.TaskSets {
			out.PendingCount, out.RunningCount = out.PendingCount+set.PendingCount, out.RunningCount+set.RunningCount
		}
	}
	if v.Deployment != "" {
		out.CurrentServiceDeployment = DeploymentARN(scope, v.Cluster, v.Name, v.Deployment)
	}
	if r := s.current(scope, v); r != nil {
		r.describe(scope, &out)
		out.RoleArn = roleOf(scope, v, r)
	}
	return out
}

// current is the revision that a service shows as its own: that of its newest rollout, or of its primary task set. A service that
// was deleted has the last one.
func (s *Scheduler) current(scope store.Scope, v *Service) *Revision {
	id := v.Current
	if p := v.Primary(); p != nil {
		id = p.Revision
	}
	row, _ := s.Revisions.Get(scope, PartKey(v.Cluster, v.Name, id))
	return row.Value
}

// describe puts what the revision says into the service that has it.
func (r *Revision) describe(scope store.Scope, out *api.Service) {
	out.TaskDefinition = ecs.TaskDefinitionARN(scope, r.definition())
	out.LaunchType, out.CapacityProviderStrategy = r.LaunchType, r.Providers
	out.PlatformVersion, out.PlatformFamily = r.PlatformAsked, r.PlatformFamily
	out.NetworkConfiguration, out.LoadBalancers = r.networkConfiguration(), present(r.LoadBalancers)
}

// networkConfiguration is the revision's network; nil, and absent from answers, when it has none.
func (r *Revision) networkConfiguration() *api.NetworkConfiguration {
	if r.Network == nil {
		return nil
	}
	return &api.NetworkConfiguration{AwsvpcConfiguration: r.Network}
}

// roleOf is the role by which ECS speaks with load balancers and network interfaces: the one that was named, or its own.
func roleOf(scope store.Scope, v *Service, r *Revision) string {
	switch {
	case v.Role != "":
		return ecs.RoleARN(scope, v.Role)
	case len(r.LoadBalancers) == 0 && r.Network == nil:
		return ""
	}
	return ecs.RoleARN(scope, "aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")
}

// describeRollout is a rollout as the API shows it: among the deployments of its service.
func (s *Scheduler) describeRollout(scope store.Scope, v *Service, o *Rollout) api.Deployment {
	pending, running := s.counts(scope, o.ID)
	out := api.Deployment{
		Id: o.ID, Status: Active, DesiredCount: o.DesiredCount, PendingCount: pending, RunningCount: running, FailedTasks: o.Failures,
		CreatedAt: schema.At(o.CreatedAt), UpdatedAt: schema.At(o.UpdatedAt), RolloutState: o.State, RolloutStateReason: o.StateReason,
	}
	if o.Primary {
		out.Status = "PRIMARY"
	}
	if row, ok := s.Revisions.Get(scope, PartKey(v.Cluster, v.Name, o.Revision)); ok {
		r := row.Value
		out.TaskDefinition = ecs.TaskDefinitionARN(scope, r.definition())
		out.LaunchType, out.CapacityProviderStrategy = r.LaunchType, r.Providers
		out.PlatformVersion, out.PlatformFamily, out.NetworkConfiguration = r.Platform, r.PlatformFamily, r.networkConfiguration()
	}
	return out
}

// counts are the tasks of a rollout, or of a task set, that are on their way to run and that run.
func (s *Scheduler) counts(scope store.Scope, rollout string) (pending, running int32) {
	p, r := s.ecs.RolloutTasks(scope, rollout)
	return int32(p), int32(r)
}

// events are the newest events of a service, newest first. Those of one of its name before it are none of its.
func (s *Scheduler) events(scope store.Scope, v *Service) []api.ServiceEvent {
	out := []api.ServiceEvent{}
	for row := range s.Events.Find(scope, ByService, v.Key()) {
		if e := row.Value; !e.CreatedAt.Before(v.CreatedAt) {
			out = append(out, api.ServiceEvent{Id: e.ID, CreatedAt: schema.At(e.CreatedAt), Message: e.Message})
		}
	}
	slices.Reverse(out)
	return out
}
