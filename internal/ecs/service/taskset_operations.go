package service

import (
	"context"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// maxTaskSets is the most task sets of a service.
const maxTaskSets = 5

// CreateTaskSet makes a task set of a service under controller EXTERNAL.
func (s *Scheduler) CreateTaskSet(ctx context.Context, r *api.CreateTaskSetRequest) (*api.CreateTaskSetResponse, error) {
	scope := scopeOf(ctx)
	key, err := s.external(scope, r.Cluster, r.Service)
	if err != nil {
		return nil, err
	}
	token, err := clientToken("CreateTaskSet", r.ClientToken, r)
	if err != nil {
		return nil, err
	}
	set, revision, err := s.taskSetOf(ctx, scope, key, r)
	if err != nil {
		return nil, err
	}
	var id string
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		id, err = once(tx, scope, token, "task set", set.Key(), func() error { return s.createTaskSet(tx, scope, key, set, revision) })
		return err
	})
	if err != nil {
		return nil, err
	}
	made, err := s.described(scope, key, id)
	return &api.CreateTaskSetResponse{TaskSet: made}, err
}

// createTaskSet writes a new task set and its revision.
func (s *Scheduler) createTaskSet(tx *store.Tx, scope store.Scope, key string, set *TaskSet, revision *Revision) error {
	v, err := s.activeTx(tx, scope, key)
	if err != nil {
		return err
	}
	if err := s.ecs.RunnableTx(tx, scope, revision.definition()); err != nil {
		return err
	}
	if s.TaskSets.Count(scope, ByService, key) >= maxTaskSets {
		return wire.Errorf(api.LimitExceededException, "A service can have at most %d task sets.", maxTaskSets)
	}
	if err := s.Revisions.Create(tx, scope, revision.Key(), revision); err != nil {
		return err
	}
	if err := s.TaskSets.Create(tx, scope, set.Key(), set); err != nil {
		return err
	}
	return s.touch(tx, scope, v)
}

// touch writes a service whose task sets changed: whoever follows services learns of it.
func (s *Scheduler) touch(tx *store.Tx, scope store.Scope, v *Service) error {
	changed := *v
	changed.Version++
	changed.Request, changed.SteadyAt = "", time.Time{}
	return s.Services.Put(tx, scope, v.Key(), &changed)
}

// taskSetOf checks a request and works out the task set that it asks for.
func (s *Scheduler) taskSetOf(ctx context.Context, scope store.Scope, key string, r *api.CreateTaskSetRequest) (*TaskSet, *Revision, error) {
	if err := ecs.ValidateTags(r.Tags); err != nil {
		return nil, nil, err
	}
	scale, err := scaleOf(r.Scale)
	if err != nil {
		return nil, nil, err
	}
	row, ok := s.Services.Get(scope, key)
	if !ok {
		return nil, nil, serviceNotFound()
	}
	v := row.Value
	revision, err := s.revise(scope, v, parameters{r.TaskDefinition, r.LaunchType, r.CapacityProviderStrategy, r.PlatformVersion, r.NetworkConfiguration, r.LoadBalancers}, nil)
	if err != nil {
		return nil, nil, err
	}
	if err := s.checkRevision(ctx, scope, v, revision); err != nil {
		return nil, nil, err
	}
	now := time.Now().UTC()
	return &TaskSet{ID: NewRolloutID(), Service: v.Name, Cluster: v.Cluster, ExternalID: r.ExternalId, Revision: revision.ID, Scale: scale, Status: Active,
		Tags: r.Tags, CreatedAt: now, UpdatedAt: now, Stability: api.StabilityStatusStabilizing, StableAt: now}, revision, nil
}

// external is the key of an ACTIVE service that has task sets.
func (s *Scheduler) external(scope store.Scope, cluster, ref string) (key string, err error) {
	if key, err = s.active(scope, cluster, ref); err != nil {
		return "", err
	}
	if row, ok := s.Services.Get(scope, key); ok && row.Value.Controller != api.DeploymentControllerTypeExternal {
		return "", invalidParameter("Task sets are only supported for services with the EXTERNAL deployment controller.")
	}
	return key, nil
}

// described is a task set as it is now.
func (s *Scheduler) described(scope store.Scope, service, set string) (*api.TaskSet, error) {
	v, ok := s.Services.Get(scope, service)
	t, found := s.TaskSets.Get(scope, set)
	if !ok || !found {
		return nil, taskSetNotFound()
	}
	return new(s.describeTaskSet(scope, v.Value, t.Value, true)), nil
}

func taskSetNotFound() error {
	return wire.Errorf(api.TaskSetNotFoundException, "The specified task set does not exist.")
}

// DescribeTaskSets describes the task sets named of a service, or all of them.
func (s *Scheduler) DescribeTaskSets(ctx context.Context, r *api.DescribeTaskSetsRequest) (*api.DescribeTaskSetsResponse, error) {
	scope := scopeOf(ctx)
	key, err := s.external(scope, r.Cluster, r.Service)
	if err != nil {
		return nil, err
	}
	row, ok := s.Services.Get(scope, key)
	if !ok {
		return nil, serviceNotFound()
	}
	v, tags := row.Value, len(r.Include) > 0
	out := &api.DescribeTaskSetsResponse{TaskSets: []api.TaskSet{}, Failures: []api.Failure{}}
	if len(r.TaskSets) == 0 {
		out.TaskSets = s.taskSets(scope, v, tags)
		return out, nil
	}
	for _, ref := range r.TaskSets {
		id, err := taskSetOf(scope, v, ref)
		if err != nil {
			return nil, err
		}
		if t, ok := s.TaskSets.Get(scope, id); ok {
			out.TaskSets = append(out.TaskSets, s.describeTaskSet(scope, v, t.Value, tags))
		} else {
			out.Failures = append(out.Failures, missing(ref))
		}
	}
	return out, nil
}

// UpdateTaskSet scales a task set.
func (s *Scheduler) UpdateTaskSet(ctx context.Context, r *api.UpdateTaskSetRequest) (*api.UpdateTaskSetResponse, error) {
	scale, err := scaleOf(r.Scale)
	if err != nil {
		return nil, err
	}
	set, err := s.changeTaskSet(ctx, r.Cluster, r.Service, r.TaskSet, func(_ *Service, t *TaskSet, now time.Time) error {
		if t.Status == Draining {
			return invalidParameter("The task set is DRAINING and can't be scaled.")
		}
		if t.Scale != scale {
			t.Scale = scale
			t.restabilize(now)
		}
		return nil
	})
	return &api.UpdateTaskSetResponse{TaskSet: set}, err
}

// DeleteTaskSet has the tasks of a task set stopped: it is DRAINING until the last one has, and then is gone.
func (s *Scheduler) DeleteTaskSet(ctx context.Context, r *api.DeleteTaskSetRequest) (*api.DeleteTaskSetResponse, error) {
	force := r.Force != nil && *r.Force
	set, err := s.changeTaskSet(ctx, r.Cluster, r.Service, r.TaskSet, func(v *Service, t *TaskSet, now time.Time) error {
		switch {
		case t.Status == Draining:
			return nil
		case !force && t.Computed(v.Settings.DesiredCount) > 0:
			return invalidParameter("The task set cannot be deleted while it is scaled above 0.")
		}
		if v.PrimaryTaskSet == t.ID {
			v.PrimaryTaskSet = ""
		}
		*t = *t.draining(now)
		return nil
	})
	return &api.DeleteTaskSetResponse{TaskSet: set}, err
}

// UpdateServicePrimaryTaskSet makes a task set the one whose parameters its service shows.
func (s *Scheduler) UpdateServicePrimaryTaskSet(ctx context.Context, r *api.UpdateServicePrimaryTaskSetRequest) (*api.UpdateServicePrimaryTaskSetResponse, error) {
	set, err := s.changeTaskSet(ctx, r.Cluster, r.Service, r.PrimaryTaskSet, func(v *Service, t *TaskSet, now time.Time) error {
		if t.Status == Draining {
			return invalidParameter("The task set is DRAINING and can't be the primary one.")
		}
		v.PrimaryTaskSet, v.Current = t.ID, t.Revision
		t.Status, t.UpdatedAt = primary, now
		return nil
	})
	return &api.UpdateServicePrimaryTaskSetResponse{TaskSet: set}, err
}

// changeTaskSet changes a task set, and the record of its service, which are copies. The task set that was the primary one is so no more
// when the service says another.
func (s *Scheduler) changeTaskSet(ctx context.Context, cluster, service, ref string, change func(*Service, *TaskSet, time.Time) error) (*api.TaskSet, error) {
	scope := scopeOf(ctx)
	key, err := s.external(scope, cluster, service)
	if err != nil {
		return nil, err
	}
	var id string
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		found, err := s.activeTx(tx, scope, key)
		if err != nil {
			return err
		}
		if id, err = taskSetOf(scope, found, ref); err != nil {
			return err
		}
		set, ok := s.TaskSets.GetTx(tx, scope, id)
		if !ok {
			return taskSetNotFound()
		}
		v, t, now := *found, *set, time.Now().UTC()
		if err := change(&v, &t, now); err != nil {
			return err
		}
		if before := found.PrimaryTaskSet; before != "" && v.PrimaryTaskSet != "" && before != v.PrimaryTaskSet {
			if err := s.demote(tx, scope, &v, before, now); err != nil {
				return err
			}
		}
		if err := s.TaskSets.Put(tx, scope, id, &t); err != nil {
			return err
		}
		return s.touch(tx, scope, &v)
	})
	if err != nil {
		return nil, err
	}
	return s.described(scope, key, id)
}

// demote makes the task set that was the primary one of a service an ordinary one.
func (s *Scheduler) demote(tx *store.Tx, scope store.Scope, v *Service, id string, now time.Time) error {
	key := PartKey(v.Cluster, v.Name, id)
	if before, ok := s.TaskSets.GetTx(tx, scope, key); !ok || before.Status != primary {
		return nil
	}
	return s.TaskSets.Modify(tx, scope, key, func(t *TaskSet) error {
		t.Status, t.UpdatedAt = Active, now
		return nil
	})
}
