package ecs

import (
	"context"
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// StartTask starts a task of a definition on each of the container instances that the caller names. No scheduler
// chooses, and no placement rule of the definition is asked; an instance that cannot take its task is in failures.
func (s *Service) StartTask(ctx context.Context, r *api.StartTaskRequest) (*api.StartTaskResponse, error) {
	scope := scopeOf(ctx)
	if n := len(r.ContainerInstances); n < 1 || n > 10 {
		return nil, invalidParameter("Container instances must have between 1 and 10 items.")
	}
	cluster, err := s.activeCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	shares, failures, err := s.sharesOn(scope, cluster, r.ContainerInstances)
	if err != nil {
		return nil, err
	}
	launchType := api.LaunchTypeEc2
	if slices.ContainsFunc(shares, func(sh *share) bool { return sh.pool.launchType == api.LaunchTypeExternal }) {
		launchType = api.LaunchTypeExternal // what external instances take, others take too
	}
	l, err := s.launchOf(scope, &api.RunTaskRequest{
		LaunchType: launchType, Cluster: r.Cluster, TaskDefinition: r.TaskDefinition, NetworkConfiguration: r.NetworkConfiguration,
		Overrides: r.Overrides, Group: r.Group, StartedBy: r.StartedBy, ReferenceId: r.ReferenceId,
		Tags: r.Tags, PropagateTags: r.PropagateTags, EnableECSManagedTags: r.EnableECSManagedTags,
	})
	if err != nil {
		return nil, err
	}
	l.request.Constraints, l.shares = nil, shares
	if err := s.launch(ctx, scope, l, nil); err != nil {
		return nil, err
	}
	return &api.StartTaskResponse{Tasks: s.launched(ctx, scope, l.ran.Tasks), Failures: append(failures, l.ran.Failures...)}, nil
}

// sharesOn are the parts of a launch with one task for each instance that is named; those that are not there are failures.
func (s *Service) sharesOn(scope store.Scope, cluster string, refs []string) (shares []*share, failures []api.Failure, err error) {
	failures = []api.Failure{}
	for _, ref := range refs {
		id, err := instanceFrom(scope, cluster, ref)
		if err != nil {
			return nil, nil, err
		}
		if i, ok := s.instance(scope, cluster, id); ok {
			shares = append(shares, &share{pool: poolOf(scope, i), instance: id, count: 1})
		} else {
			failures = append(failures, missing(InstanceARN(scope, cluster, id)))
		}
	}
	return shares, failures, nil
}
