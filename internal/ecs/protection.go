package ecs

import (
	"context"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/store"
)

// A protected task is not chosen when its service scales in or deploys. Only tasks of services can be protected.

const (
	defaultProtection = 120  // minutes
	longestProtection = 2880 // minutes
	maxProtected      = 10   // tasks whose protection is updated at once
)

// reasonNotOfService is why a task can't be protected.
const reasonNotOfService = "TASK_NOT_VALID"

// Protected tells whether the task is protected from being scaled in or replaced.
func (t *Task) Protected(now time.Time) bool { return now.Before(t.ProtectedUntil) }

// GetTaskProtection tells which of a cluster's tasks are protected, and until when.
func (s *Service) GetTaskProtection(ctx context.Context, r *api.GetTaskProtectionRequest) (*api.GetTaskProtectionResponse, error) {
	scope := scopeOf(ctx)
	cluster, ids, err := s.tasksNamed(scope, r.Cluster, r.Tasks, maxPage)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	out := &api.GetTaskProtectionResponse{ProtectedTasks: []api.ProtectedTask{}, Failures: []api.Failure{}}
	for _, id := range ids {
		task, err := s.findTask(ctx, scope, cluster, id)
		if err != nil {
			return nil, err
		}
		if failure := unprotectable(TaskARN(scope, cluster, id), task); failure != nil {
			out.Failures = append(out.Failures, *failure)
			continue
		}
		out.ProtectedTasks = append(out.ProtectedTasks, describeProtection(scope, task, now))
	}
	return out, nil
}

// UpdateTaskProtection protects tasks of services for a while, or ends their protection. Protecting a protected task
// counts its while anew.
func (s *Service) UpdateTaskProtection(ctx context.Context, r *api.UpdateTaskProtectionRequest) (*api.UpdateTaskProtectionResponse, error) {
	minutes := int32(defaultProtection)
	if r.ExpiresInMinutes != nil {
		minutes = *r.ExpiresInMinutes
	}
	if minutes < 1 || minutes > longestProtection {
		return nil, invalidParameter("expiresInMinutes must be between 1 and %d, but was %d.", longestProtection, minutes)
	}
	scope := scopeOf(ctx)
	cluster, ids, err := s.tasksNamed(scope, r.Cluster, r.Tasks, maxProtected)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	var until time.Time
	if r.ProtectionEnabled {
		until = now.Add(time.Duration(minutes) * time.Minute)
	}
	var out *api.UpdateTaskProtectionResponse
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		out = &api.UpdateTaskProtectionResponse{ProtectedTasks: []api.ProtectedTask{}, Failures: []api.Failure{}}
		for _, id := range ids {
			task, ok := s.Tasks.GetTx(tx, scope, id)
			if !ok || task.Cluster != cluster {
				task = nil
			}
			if failure := unprotectable(TaskARN(scope, cluster, id), task); failure != nil {
				out.Failures = append(out.Failures, *failure)
				continue
			}
			protected := *task
			protected.ProtectedUntil = until
			if err := s.Tasks.Put(tx, scope, id, &protected); err != nil {
				return err
			}
			out.ProtectedTasks = append(out.ProtectedTasks, describeProtection(scope, &protected, now))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// tasksNamed reads the ids of 1 to most tasks of a cluster, each once.
func (s *Service) tasksNamed(scope store.Scope, clusterRef string, refs []string, most int) (cluster string, ids []string, err error) {
	if cluster, err = s.activeCluster(scope, clusterRef); err != nil {
		return "", nil, err
	}
	switch {
	case len(refs) == 0:
		return "", nil, invalidParameter("Tasks cannot be empty.")
	case len(refs) > most:
		return "", nil, invalidParameter("Tasks cannot have more than %d items.", most)
	}
	for _, ref := range refs {
		id, err := taskFrom(scope, cluster, ref)
		if err != nil {
			return "", nil, err
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return cluster, ids, nil
}

// unprotectable is why a task has no protection to speak of, nil when it can have. task is nil for one that is not there.
func unprotectable(arn string, task *Task) *api.Failure {
	switch {
	case task == nil:
		return new(missing(arn))
	case task.Service == "":
		return &api.Failure{Arn: arn, Reason: reasonNotOfService, Detail: "The task is not part of a service: only tasks of services can be protected."}
	case task.Ending():
		return &api.Failure{Arn: arn, Reason: reasonNotOfService, Detail: "The task is stopping or has stopped."}
	}
	return nil
}

func describeProtection(scope store.Scope, t *Task, now time.Time) api.ProtectedTask {
	out := api.ProtectedTask{TaskArn: TaskARN(scope, t.Cluster, t.ID)}
	if t.Protected(now) {
		out.ProtectionEnabled, out.ExpirationDate = true, schema.At(t.ProtectedUntil)
	}
	return out
}
