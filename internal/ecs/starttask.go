package ecs

import (
	"context"

	api "github.com/berth-dev/berth/api/ecs"
)

// StartTask starts a task of a definition on each of the container instances that the caller names. No scheduler
// chooses, and no placement rule of the definition is asked; an instance that cannot take its task is in failures.
func (s *Service) StartTask(ctx context.Context, r *api.StartTaskRequest) (*api.StartTaskResponse, error) {
	scope := scopeOf(ctx)
	if n := len(r.ContainerInstances); n < 1 || n > 10 {
		return nil, invalidParameter("Container instances must have between 1 and 10 items.")
	}
	l, err := s.launchOf(scope, &api.RunTaskRequest{
		LaunchType: api.LaunchTypeEc2, Cluster: r.Cluster, TaskDefinition: r.TaskDefinition, NetworkConfiguration: r.NetworkConfiguration,
		Overrides: r.Overrides, Group: r.Group, StartedBy: r.StartedBy, ReferenceId: r.ReferenceId,
		Tags: r.Tags, PropagateTags: r.PropagateTags, EnableECSManagedTags: r.EnableECSManagedTags,
	})
	if err != nil {
		return nil, err
	}
	l.request.Constraints = nil
	cluster, failures := l.template.Cluster, []api.Failure{}
	for _, ref := range r.ContainerInstances {
		id, err := instanceFrom(scope, cluster, ref)
		if err != nil {
			return nil, err
		}
		if i, ok := s.instance(scope, cluster, id); ok {
			l.shares = append(l.shares, &share{pool: poolOf(scope, i), instance: id, count: 1})
		} else {
			failures = append(failures, missing(InstanceARN(scope, cluster, id)))
		}
	}
	if err := s.launch(ctx, scope, l, nil); err != nil {
		return nil, err
	}
	return &api.StartTaskResponse{Tasks: s.launched(ctx, scope, l.tasks), Failures: append(failures, s.failures(scope, l)...)}, nil
}
