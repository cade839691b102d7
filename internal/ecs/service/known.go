package service

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// The scheduler answers what package ecs asks of services: see ecs.Services.
var _ ecs.Services = (*Scheduler)(nil)

// Counts are how many services a cluster has, by launch type.
func (s *Scheduler) Counts(scope store.Scope, cluster string) ecs.ServiceCounts {
	out := ecs.ServiceCounts{Active: map[api.LaunchType]int{}, Draining: map[api.LaunchType]int{}}
	for row := range s.Services.Find(scope, ServicesByCluster, cluster) {
		of := api.LaunchTypeEc2 // of a service that has no task set yet
		if r := s.current(scope, row.Value); r != nil {
			of = s.launchType(scope, r)
		}
		if row.Value.Status == Draining {
			out.Draining[of]++
		} else {
			out.Active[of]++
		}
	}
	return out
}

// Known tells whether a cluster has a service of that name.
func (s *Scheduler) Known(scope store.Scope, cluster, name string) bool {
	_, ok := s.Services.Get(scope, Key(cluster, name))
	return ok
}

// Uses tells whether a service of the cluster has a capacity provider in its strategy.
func (s *Scheduler) Uses(scope store.Scope, cluster, provider string) bool {
	for row := range s.Services.Find(scope, ServicesByCluster, cluster) {
		for _, r := range s.inUse(scope, row.Value) {
			if slices.ContainsFunc(r.Providers, func(p api.CapacityProviderStrategyItem) bool { return p.CapacityProvider == provider }) {
				return true
			}
		}
	}
	return false
}

// Refer tells whether a service has tasks, or is to have some, of a revision of a task definition.
func (s *Scheduler) Refer(scope store.Scope, definition ecs.Revision) bool {
	for row := range s.Revisions.Find(scope, revisionsByDefinition, definition.String()) {
		v, ok := s.Services.Get(scope, Key(row.Value.Cluster, row.Value.Service))
		if ok && slices.ContainsFunc(s.inUse(scope, v.Value), func(r *Revision) bool { return r.ID == row.Value.ID }) {
			return true
		}
	}
	return false
}

// inUse are the revisions of a service's rollouts and task sets, and the one that a rollback goes back to; none of a service that
// was deleted and has no tasks.
func (s *Scheduler) inUse(scope store.Scope, v *Service) (out []*Revision) {
	if v.Status == Inactive {
		return nil
	}
	ids := []string{v.Completed}
	for _, o := range v.Rollouts {
		ids = append(ids, o.Revision)
	}
	if v.Controller == api.DeploymentControllerTypeExternal {
		for _, t := range s.taskSetsOf(scope, v) {
			ids = append(ids, t.Revision)
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if row, ok := s.Revisions.Get(scope, PartKey(v.Cluster, v.Name, id)); ok {
			out = append(out, row.Value)
		}
	}
	return out
}

// Tagged are the tags of a service or a task set that an ARN names by its kind and path.
func (s *Scheduler) Tagged(scope store.Scope, kind, path string) *ecs.Tagged {
	switch kind {
	case "service":
		if row, ok := s.Services.Get(scope, path); ok && row.Value.Status != Inactive {
			return taggedRow(s.Services, scope, row.ID, func(v *Service) *[]api.Tag { return &v.Tags })
		}
	case "task-set":
		if id, ok := taskSetAt(path); ok {
			if row, ok := s.TaskSets.Get(scope, id); ok {
				return taggedRow(s.TaskSets, scope, row.ID, func(t *TaskSet) *[]api.Tag { return &t.Tags })
			}
		}
	}
	return nil
}

// taggedRow are the tags of a row that is there.
func taggedRow[T any](table *store.Table[T], scope store.Scope, id string, tags func(*T) *[]api.Tag) *ecs.Tagged {
	row, _ := table.Get(scope, id)
	return &ecs.Tagged{Tags: *tags(row.Value), Change: func(tx *store.Tx, to func([]api.Tag) ([]api.Tag, error)) error {
		return table.Modify(tx, scope, id, func(v *T) (err error) {
			at := tags(v)
			*at, err = to(*at)
			return err
		})
	}}
}
