package ecs

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// DescribeTasks describes tasks of a cluster, also of one that was deleted.
func (s *Service) DescribeTasks(ctx context.Context, r *api.DescribeTasksRequest) (*api.DescribeTasksResponse, error) {
	scope := scopeOf(ctx)
	cluster, err := s.knownCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	if err := fits("Tasks", r.Tasks); err != nil {
		return nil, err
	}
	tags := slices.Contains(r.Include, api.TaskFieldTags)
	out := &api.DescribeTasksResponse{Tasks: []api.Task{}, Failures: []api.Failure{}}
	for _, ref := range r.Tasks {
		id, err := taskFrom(scope, cluster, ref)
		if err != nil {
			return nil, err
		}
		task, err := s.findTask(ctx, scope, cluster, id)
		switch {
		case err != nil:
			return nil, err
		case task != nil:
			out.Tasks = append(out.Tasks, s.describe(scope, task, tags))
		default:
			out.Failures = append(out.Failures, missing(TaskARN(scope, cluster, id)))
		}
	}
	return out, nil
}

// findTask is the record of a cluster's task, also of one that has stopped; nil when there is none.
func (s *Service) findTask(ctx context.Context, scope store.Scope, cluster, id string) (*Task, error) {
	task, err := s.TaskRecord(ctx, scope, id)
	if err != nil || task == nil || task.Cluster != cluster {
		return nil, err
	}
	return task, nil
}

// knownCluster is the name of a cluster that is there or was.
func (s *Service) knownCluster(scope store.Scope, ref string) (string, error) {
	name, err := clusterFrom(scope, ref)
	if err != nil {
		return "", err
	}
	if _, ok := s.Clusters.Get(scope, name); !ok {
		return "", clusterNotFound()
	}
	return name, nil
}

// StopTask orders a task to stop. It answers at once; a task that is stopping already stays as it is.
func (s *Service) StopTask(ctx context.Context, r *api.StopTaskRequest) (*api.StopTaskResponse, error) {
	scope := scopeOf(ctx)
	cluster, err := s.knownCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	id, err := taskFrom(scope, cluster, r.Task)
	if err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(r.Reason) > 1024 {
		return nil, invalidParameter("reason longer than 1024.")
	}
	order := &Stop{Code: api.TaskStopCodeUserInitiated, Reason: or(r.Reason, reasonUser), At: time.Now().UTC()}
	task, err := s.findTask(ctx, scope, cluster, id)
	switch {
	case err != nil:
		return nil, err
	case task == nil:
		return nil, invalidParameter("The referenced task was not found.")
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		now, ok := s.Tasks.GetTx(tx, scope, id)
		switch {
		case !ok: // it stopped so long ago that its record has moved
			return nil
		case now.Ending():
			task = now
			return nil
		}
		task = now.stopped(order)
		return s.Tasks.Put(tx, scope, id, task)
	})
	if err != nil {
		return nil, err
	}
	return &api.StopTaskResponse{Task: new(s.describe(scope, task, true))}, nil
}
