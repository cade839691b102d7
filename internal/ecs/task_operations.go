package ecs

import (
	"context"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
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
		if row, ok := s.Tasks.Get(scope, id); ok && row.Value.Cluster == cluster {
			out.Tasks = append(out.Tasks, describeTask(scope, row.Value, tags))
		} else {
			out.Failures = append(out.Failures, missing(TaskARN(scope, cluster, id)))
		}
	}
	return out, nil
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
	if len(r.Reason) > 1024 {
		return nil, invalidParameter("reason longer than 1024.")
	}
	order := &Stop{Code: api.TaskStopCodeUserInitiated, Reason: or(r.Reason, reasonUser), At: time.Now().UTC()}
	var task *Task
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		var ok bool
		if task, ok = s.Tasks.GetTx(tx, scope, id); !ok || task.Cluster != cluster {
			return invalidParameter("The referenced task was not found.")
		}
		if task.Ending() {
			return nil
		}
		task = task.stopped(order)
		return s.Tasks.Put(tx, scope, id, task)
	})
	if err != nil {
		return nil, err
	}
	return &api.StopTaskResponse{Task: new(describeTask(scope, task, true))}, nil
}

// ListTasks lists the ARNs of a cluster's tasks that pass every filter; without one for desiredStatus, of those that
// should run.
func (s *Service) ListTasks(ctx context.Context, r *api.ListTasksRequest) (*api.ListTasksResponse, error) {
	scope := scopeOf(ctx)
	cluster, err := s.knownCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	f, err := s.filterOf(scope, cluster, r)
	if err != nil {
		return nil, err
	}
	p, err := pagingOf(r.NextToken, r.MaxResults, "tasks", cluster, string(f.desired), f.instance, r.Family, r.StartedBy, string(r.LaunchType))
	if err != nil {
		return nil, err
	}
	index, key := f.index()
	rows, token := list(p, func(page store.Page) ([]store.Row[Task], string) {
		return s.Tasks.FindPage(scope, index, key, page)
	}, func(row store.Row[Task]) bool { return f.passes(row.Value) })
	return &api.ListTasksResponse{NextToken: token, TaskArns: each(rows, func(row store.Row[Task]) string {
		return TaskARN(scope, cluster, row.ID)
	})}, nil
}

// taskFilter is what ListTasks lists. Empty members let everything pass.
type taskFilter struct {
	cluster, instance, family, startedBy string
	desired                              api.DesiredStatus
	launchType                           api.LaunchType
}

func (s *Service) filterOf(scope store.Scope, cluster string, r *api.ListTasksRequest) (f taskFilter, err error) {
	f = taskFilter{cluster: cluster, family: r.Family, startedBy: r.StartedBy, desired: r.DesiredStatus, launchType: r.LaunchType}
	if f.desired == "" {
		f.desired = api.DesiredStatusRunning
	}
	switch {
	case r.ServiceName != "":
		return f, wire.Errorf(api.ServiceNotFoundException, "Service not found.")
	case r.StartedBy != "" && (r.Family != "" || r.ContainerInstance != "" || r.LaunchType != ""):
		return f, invalidParameter("startedBy must be the only filter.")
	}
	if r.ContainerInstance != "" {
		if f.instance, err = instanceFrom(scope, cluster, r.ContainerInstance); err != nil {
			return f, err
		}
		if _, ok := s.instance(scope, cluster, f.instance); !ok {
			return f, invalidParameter("The referenced container instance was not found.")
		}
	}
	return f, nil
}

// index is the narrowest index for the filter, and the key in it.
func (f *taskFilter) index() (name, key string) {
	switch {
	case f.instance != "":
		return TasksByInstance, f.instance
	case f.startedBy != "":
		return TasksByStartedBy, f.cluster + "/" + f.startedBy
	case f.family != "":
		return TasksByFamily, f.cluster + "/" + f.family
	}
	return TasksByCluster, f.cluster + "/" + string(f.desired)
}

func (f *taskFilter) passes(t *Task) bool {
	return t.Cluster == f.cluster && t.Desired() == f.desired &&
		(f.family == "" || t.Definition.Family == f.family) &&
		(f.launchType == "" || t.LaunchType == f.launchType)
}
