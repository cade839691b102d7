package ecs

import (
	"context"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

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
	p, err := pagingOf(r.NextToken, r.MaxResults, "tasks", cluster, string(f.desired), f.instance, r.Family, r.StartedBy, string(r.LaunchType), f.service)
	if err != nil {
		return nil, err
	}
	var failed error
	rows, token := list(p, func(page store.Page) (rows []store.Row[Task], next string) {
		rows, next, failed = s.tasksPage(ctx, scope, f, page)
		return rows, next
	}, func(row store.Row[Task]) bool { return f.passes(row.Value) })
	if failed != nil {
		return nil, failed
	}
	return &api.ListTasksResponse{NextToken: token, TaskArns: each(rows, func(row store.Row[Task]) string {
		return TaskARN(scope, cluster, row.ID)
	})}, nil
}

// tasksPage is a page of the tasks among which those are that pass the filter.
func (s *Service) tasksPage(ctx context.Context, scope store.Scope, f taskFilter, page store.Page) (rows []store.Row[Task], next string, err error) {
	at := s.narrowest(scope, f.indexes())
	rows, next = s.Tasks.FindPage(scope, at.index, at.key, page)
	if f.desired != api.DesiredStatusStopped {
		return rows, next, nil
	}
	return s.withPast(ctx, scope, f.pastKey(), page, rows, next)
}

// taskFilter is what ListTasks lists. Empty members let everything pass.
type taskFilter struct {
	cluster, instance, family, startedBy, service string
	desired                                       api.DesiredStatus
	launchType                                    api.LaunchType
}

func (s *Service) filterOf(scope store.Scope, cluster string, r *api.ListTasksRequest) (f taskFilter, err error) {
	f = taskFilter{cluster: cluster, family: r.Family, startedBy: r.StartedBy, desired: r.DesiredStatus, launchType: r.LaunchType}
	if f.desired == "" {
		f.desired = api.DesiredStatusRunning
	}
	switch {
	case r.Family != "" && !clusterName.MatchString(r.Family): // families have the form that clusters' names have
		return f, invalidParameter("family must match %s, but was %s", clusterName, r.Family)
	case r.StartedBy != "" && (r.ServiceName != "" || r.Family != "" || r.ContainerInstance != "" || r.LaunchType != ""):
		return f, invalidParameter("cannot specify startedBy with other arguments")
	case r.ServiceName != "" && (r.Family != "" || r.ContainerInstance != ""):
		return f, invalidParameter("cannot specify serviceName with other arguments")
	}
	if r.ServiceName != "" {
		if f.service, err = s.serviceFrom(scope, cluster, r.ServiceName); err != nil {
			return f, err
		}
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

// ServiceName reads a reference to a service of a cluster: its name, "cluster/name" or ARN. Whether there is such a service is not
// looked at.
func ServiceName(scope store.Scope, cluster, ref string) (string, error) {
	kind, path, isARN, err := resource(scope, ref)
	if err != nil {
		return "", err
	}
	if !isARN {
		kind, path = "service", ref
	}
	if kind != "service" {
		return "", invalidParameter("Unsupported resource type: %s", kind)
	}
	of, name, qualified := strings.Cut(path, "/")
	if !qualified {
		of, name = cluster, path
	}
	if of != cluster {
		return "", invalidParameter("Invalid identifier: Identifier is for cluster %s. Your cluster is %s", of, cluster)
	}
	return name, nil
}

// serviceFrom reads the name or ARN of a service that must be, or have been, in the cluster.
func (s *Service) serviceFrom(scope store.Scope, cluster, ref string) (string, error) {
	name, err := ServiceName(scope, cluster, ref)
	if err != nil {
		return "", err
	}
	if !s.config.Services.Known(scope, cluster, name) {
		return "", wire.Errorf(api.ServiceNotFoundException, "Service not found.")
	}
	return name, nil
}

// indexed is a key of an index.
type indexed struct{ index, key string }

// indexes are those that have the tasks that pass the filter.
func (f *taskFilter) indexes() []indexed {
	out := []indexed{{TasksByCluster, listKey(f.cluster, f.desired)}}
	if f.instance != "" {
		out = append(out, indexed{TasksByInstance, listKey(f.instance, f.desired)})
	}
	if f.startedBy != "" {
		out = append(out, indexed{TasksByStartedBy, listKey(f.cluster, f.desired, f.startedBy)})
	}
	if f.service != "" && f.desired == api.DesiredStatusRunning {
		out = append(out, indexed{TasksByService, f.cluster + "/" + f.service})
	}
	if f.family != "" {
		out = append(out, indexed{TasksByFamily, listKey(f.cluster, f.desired, f.family)})
	}
	if f.launchType != "" {
		out = append(out, indexed{TasksByCluster, listKey(f.cluster, f.desired, string(f.launchType))})
	}
	return out
}

// pastKey is the key by which the history finds the tasks among which those are that pass the filter.
func (f *taskFilter) pastKey() string {
	switch {
	case f.instance != "":
		return pastKey(pastByInstance, f.instance)
	case f.startedBy != "":
		return pastKey(pastByStartedBy, f.cluster, f.startedBy)
	case f.service != "":
		return pastKey(pastByGroup, f.cluster, serviceGroup(f.service))
	case f.family != "":
		return pastKey(pastByFamily, f.cluster, f.family)
	case f.launchType != "":
		return pastKey(pastByLaunchType, f.cluster, string(f.launchType))
	}
	return pastKey(pastByCluster, f.cluster)
}

// narrowest is the one of the indexes with the fewest tasks.
func (s *Service) narrowest(scope store.Scope, indexes []indexed) indexed {
	return slices.MinFunc(indexes, func(a, b indexed) int {
		return s.Tasks.Count(scope, a.index, a.key) - s.Tasks.Count(scope, b.index, b.key)
	})
}

// passes tells whether a task of any of the indexes passes the filter.
func (f *taskFilter) passes(t *Task) bool {
	return t.Cluster == f.cluster && t.Desired() == f.desired &&
		(f.instance == "" || t.Instance == f.instance) && (f.startedBy == "" || t.StartedBy == f.startedBy) &&
		(f.service == "" || t.Service == f.service) && (f.family == "" || t.Definition.Family == f.family) && (f.launchType == "" || t.LaunchType == f.launchType)
}
