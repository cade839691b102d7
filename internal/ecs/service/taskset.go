package service

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// primary is the status of the task set whose parameters its service shows.
const primary = "PRIMARY"

// Computed is how many tasks a task set is to have: its share of its service's desired count, rounded up.
func (t *TaskSet) Computed(desired int32) int32 {
	if t.Status == Draining {
		return 0
	}
	return int32(math.Ceil(float64(desired) * t.Scale / 100))
}

// draining is the task set as one that is to have no tasks any more.
func (t *TaskSet) draining(now time.Time) *TaskSet {
	out := *t
	out.Status, out.Scale = Draining, 0
	out.restabilize(now)
	return &out
}

// restabilize says that the task set has been changed, and has to settle.
func (t *TaskSet) restabilize(now time.Time) {
	t.UpdatedAt = now
	t.startAtOnce()
	if t.Stability != api.StabilityStatusStabilizing {
		t.Stability, t.StableAt = api.StabilityStatusStabilizing, now
	}
}

// scaleOf is the scale that a request asks for, in percent.
func scaleOf(asked *api.Scale) (float64, error) {
	if asked == nil {
		return 100, nil
	}
	if cmp.Or(asked.Unit, api.ScaleUnitPercent) != api.ScaleUnitPercent || asked.Value < 0 || asked.Value > 100 || math.IsNaN(asked.Value) {
		return 0, invalidParameter("The scale of a task set must be between 0 and 100 PERCENT.")
	}
	return asked.Value, nil
}

// taskSets are the task sets of a service as the API shows them, the oldest first.
func (s *Scheduler) taskSets(scope store.Scope, v *Service, tags bool) []api.TaskSet {
	out := []api.TaskSet{}
	for _, t := range s.taskSetsOf(scope, v) {
		out = append(out, s.describeTaskSet(scope, v, t, tags))
	}
	return out
}

// taskSetsOf are the task sets of a service, the oldest first.
func (s *Scheduler) taskSetsOf(scope store.Scope, v *Service) (sets []*TaskSet) {
	for row := range s.TaskSets.Find(scope, ByService, v.Key()) {
		sets = append(sets, row.Value)
	}
	slices.SortFunc(sets, func(a, b *TaskSet) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID)) })
	return sets
}

// describeTaskSet is a task set as the API shows it.
func (s *Scheduler) describeTaskSet(scope store.Scope, v *Service, t *TaskSet, tags bool) api.TaskSet {
	pending, running := s.counts(scope, t.ID)
	out := api.TaskSet{
		Id: t.ID, TaskSetArn: TaskSetARN(scope, t.Cluster, t.Service, t.ID), ServiceArn: ARN(scope, t.Cluster, t.Service), ClusterArn: ecs.ClusterARN(scope, t.Cluster),
		ExternalId: t.ExternalID, Status: t.Status, ComputedDesiredCount: t.Computed(v.Settings.DesiredCount), PendingCount: pending, RunningCount: running,
		CreatedAt: schema.At(t.CreatedAt), UpdatedAt: schema.At(t.UpdatedAt), LoadBalancers: []api.LoadBalancer{}, ServiceRegistries: []api.ServiceRegistry{},
		Scale: &api.Scale{Value: t.Scale, Unit: api.ScaleUnitPercent}, StabilityStatus: t.Stability, StabilityStatusAt: schema.At(t.StableAt),
	}
	if tags {
		out.Tags = present(t.Tags)
	}
	if row, ok := s.Revisions.Get(scope, PartKey(t.Cluster, t.Service, t.Revision)); ok {
		r := row.Value
		out.TaskDefinition, out.LaunchType, out.CapacityProviderStrategy = ecs.TaskDefinitionARN(scope, r.definition()), r.LaunchType, r.Providers
		out.PlatformVersion, out.PlatformFamily = r.Platform, r.PlatformFamily
		out.NetworkConfiguration, out.LoadBalancers = r.networkConfiguration(), present(r.LoadBalancers)
	}
	return out
}
