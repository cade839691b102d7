package ecs

import (
	"context"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/store"
)

// DescribeContainerInstances describes container instances of a cluster, those deregistered a while ago included.
func (s *Service) DescribeContainerInstances(ctx context.Context, r *api.DescribeContainerInstancesRequest) (*api.DescribeContainerInstancesResponse, error) {
	scope := scopeOf(ctx)
	cluster, err := s.activeCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	if err := fits("Container instances", r.ContainerInstances); err != nil {
		return nil, err
	}
	out := &api.DescribeContainerInstancesResponse{ContainerInstances: []api.ContainerInstance{}, Failures: []api.Failure{}}
	for _, ref := range r.ContainerInstances {
		id, err := instanceFrom(scope, cluster, ref)
		if err != nil {
			return nil, err
		}
		if i, ok := s.instance(scope, cluster, id); ok {
			out.ContainerInstances = append(out.ContainerInstances, s.describeInstance(scope, i, r.Include...))
		} else {
			out.Failures = append(out.Failures, missing(InstanceARN(scope, cluster, id)))
		}
	}
	return out, nil
}

// fits checks how many things a Describe operation is asked for.
func fits(what string, refs []string) error {
	switch {
	case len(refs) == 0:
		return invalidParameter("%s cannot be empty.", what)
	case len(refs) > maxPage:
		return invalidParameter("%s cannot have more than %d items.", what, maxPage)
	}
	return nil
}

// instance is an instance of a cluster that the API shows.
func (s *Service) instance(scope store.Scope, cluster, id string) (*Instance, bool) {
	row, ok := s.Instances.Get(scope, id)
	if !ok || row.Value.Cluster != cluster || !row.Value.shown() {
		return nil, false
	}
	return row.Value, true
}

// ListContainerInstances lists the ARNs of a cluster's instances: without a status, all that are not INACTIVE.
// A filter in the cluster query language selects among them.
func (s *Service) ListContainerInstances(ctx context.Context, r *api.ListContainerInstancesRequest) (*api.ListContainerInstancesResponse, error) {
	scope := scopeOf(ctx)
	cluster, err := s.activeCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	selected, err := s.instanceFilter(r.Filter)
	if err != nil {
		return nil, err
	}
	p, err := pagingOf(r.NextToken, r.MaxResults, "container instances", cluster, string(r.Status), r.Filter)
	if err != nil {
		return nil, err
	}
	rows, token := list(p, func(page store.Page) ([]store.Row[Instance], string) {
		return s.Instances.FindPage(scope, InstancesByCluster, cluster, page)
	}, func(row store.Row[Instance]) bool {
		if r.Status == "" && row.Value.Status == instanceInactive || r.Status != "" && row.Value.Status != string(r.Status) {
			return false
		}
		return selected(row)
	})
	return &api.ListContainerInstancesResponse{NextToken: token, ContainerInstanceArns: each(rows, func(row store.Row[Instance]) string {
		return InstanceARN(scope, cluster, row.ID)
	})}, nil
}

// DeregisterContainerInstance takes an instance out of its cluster. With tasks on it that takes force; the task
// reconciler closes them, for nobody is left to report on them.
func (s *Service) DeregisterContainerInstance(ctx context.Context, r *api.DeregisterContainerInstanceRequest) (*api.DeregisterContainerInstanceResponse, error) {
	if _, err := AgentsOnly(ctx); err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	cluster, err := s.activeCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	id, err := instanceFrom(scope, cluster, r.ContainerInstance)
	if err != nil {
		return nil, err
	}
	instance, err := s.changeInstance(ctx, scope, cluster, id, func(i *Instance) error {
		i.Abandoned = s.Tasks.Count(scope, LiveByInstance, id) > 0
		if i.Abandoned && !isSet(r.Force) {
			return invalidParameter("Found running tasks on the instance.")
		}
		i.Status, i.Session, i.DeregisteredAt = instanceInactive, nil, time.Now().UTC()
		if i.Abandoned {
			i.StatusReason = reasonAbandoned
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.DeregisterContainerInstanceResponse{ContainerInstance: new(s.describeInstance(scope, instance))}, nil
}

// UpdateContainerInstancesState drains instances, or takes them back. Draining keeps new tasks off; those that run stay.
func (s *Service) UpdateContainerInstancesState(ctx context.Context, r *api.UpdateContainerInstancesStateRequest) (*api.UpdateContainerInstancesStateResponse, error) {
	if _, err := AgentsOnly(ctx); err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	cluster, err := s.activeCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Status != instanceActive && r.Status != instanceDraining:
		return nil, invalidParameter("Container instance status should be one of [ACTIVE,DRAINING]")
	case len(r.ContainerInstances) == 0:
		return nil, invalidParameter("instanceIds can not be empty.")
	case len(r.ContainerInstances) > 10:
		return nil, invalidParameter("instanceIds can have at most 10 items.")
	}
	ids := make([]string, len(r.ContainerInstances))
	for n, ref := range r.ContainerInstances { // before any is changed
		if ids[n], err = instanceFrom(scope, cluster, ref); err != nil {
			return nil, err
		}
	}
	out := &api.UpdateContainerInstancesStateResponse{ContainerInstances: []api.ContainerInstance{}, Failures: []api.Failure{}}
	for _, id := range ids {
		i, ok := s.instance(scope, cluster, id)
		switch {
		case !ok:
			out.Failures = append(out.Failures, missing(InstanceARN(scope, cluster, id)))
			continue
		case i.Status == instanceInactive:
			out.Failures = append(out.Failures, api.Failure{Arn: InstanceARN(scope, cluster, id), Reason: instanceInactive})
			continue
		case i.Status != string(r.Status):
			i, err = s.changeInstance(ctx, scope, cluster, id, func(i *Instance) error {
				i.Status = string(r.Status)
				return nil
			})
		default:
			err = mayChange(ctx, i)
		}
		if err != nil {
			return nil, err
		}
		out.ContainerInstances = append(out.ContainerInstances, s.describeInstance(scope, i))
	}
	return out, nil
}

// changeInstance changes an instance that the API shows and that is registered.
func (s *Service) changeInstance(ctx context.Context, scope store.Scope, cluster, id string, change func(*Instance) error) (changed *Instance, err error) {
	defer s.placer.look(scope, id)
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		old, ok := s.Instances.GetTx(tx, scope, id)
		if !ok || old.Cluster != cluster || !old.shown() || old.Status == instanceInactive {
			return invalidParameter("The referenced container instance was not found.")
		}
		if err := mayChange(ctx, old); err != nil {
			return err
		}
		i := *old
		if err := change(&i); err != nil {
			return err
		}
		i.Version++
		changed = &i
		return s.Instances.Put(tx, scope, id, changed)
	})
	return changed, err
}

// describeInstance is an instance as the API shows it.
func (s *Service) describeInstance(scope store.Scope, i *Instance, include ...api.ContainerInstanceField) api.ContainerInstance {
	out := api.ContainerInstance{
		ContainerInstanceArn: InstanceARN(scope, i.Cluster, i.ID),
		Ec2InstanceId:        i.EC2InstanceID,
		CapacityProviderName: i.CapacityProvider(),
		Version:              i.Version,
		VersionInfo:          &api.VersionInfo{AgentVersion: i.Agent.Version, AgentHash: i.Agent.Hash, DockerVersion: i.Agent.Docker},
		RegisteredResources:  present(i.Resources),
		RemainingResources:   s.remaining(i),
		Status:               i.Status,
		StatusReason:         i.StatusReason,
		AgentConnected:       s.connected(i),
		RunningTasksCount:    int32(s.Tasks.Count(scope, taskCounts, instanceCount(i.ID, countRunning))),
		PendingTasksCount:    int32(s.Tasks.Count(scope, taskCounts, instanceCount(i.ID, countPending))),
		Attributes:           present(i.Attributes),
		RegisteredAt:         schema.At(i.RegisteredAt),
		Attachments:          []api.Attachment{},
		Tags:                 []api.Tag{},
	}
	if slices.Contains(include, api.ContainerInstanceFieldTags) {
		out.Tags = present(i.Tags)
	}
	if slices.Contains(include, api.ContainerInstanceFieldContainerInstanceHealth) {
		out.HealthStatus = s.describeHealth(i)
	}
	return out
}
