package ecs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
	"github.com/berth-dev/berth/internal/store"
)

// ErrManyTasks is returned, wrapped, where a part of an id begins several.
var ErrManyTasks = errors.New("it begins the ids of several tasks")

// TaskNamed is the task of a cluster that a name means: its id or how that begins, or of all tasks of a family, a revision
// ("family:3") or a group the latest; without a name the latest that has stopped. It may be in the history. Nil when there is none.
func (s *Service) TaskNamed(ctx context.Context, scope store.Scope, cluster, name string) (*Task, error) {
	if name == "" {
		return s.lastTask(ctx, scope, cluster, func(t *Task) bool { return t.Status == Stopped }, func(t *Task) time.Time { return t.StoppedAt },
			pastKey(pastByCluster, cluster))
	}
	if t, err := s.findTask(ctx, scope, cluster, name); t != nil || err != nil {
		return t, err
	}
	t, err := s.lastTask(ctx, scope, cluster, func(t *Task) bool { return goesBy(name, t.Definition, t.Group) }, func(t *Task) time.Time { return t.CreatedAt },
		pastKey(pastByFamily, cluster, name), pastKey(pastByRevision, cluster, name), pastKey(pastByGroup, cluster, name))
	if t != nil || err != nil {
		return t, err
	}
	return s.begun(ctx, scope, cluster, name)
}

// lastTask is the task of a cluster that comes last by a time of it, of those in the state that pass and those in the history that
// have one of the keys.
func (s *Service) lastTask(ctx context.Context, scope store.Scope, cluster string, passes func(*Task) bool, by func(*Task) time.Time, keys ...string) (last *Task, err error) {
	take := func(t *Task) {
		if last == nil || by(t).After(by(last)) {
			last = t
		}
	}
	for t := range s.tasksOf(scope, cluster) {
		if passes(t) {
			take(t)
		}
	}
	if s.config.History == nil {
		return last, nil
	}
	for _, key := range keys {
		records, err := s.config.History.Latest(ctx, scope, key, latestLooked)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			t, err := pastTask(r)
			if err != nil {
				return nil, err
			}
			if passes(t) {
				take(t)
			}
		}
	}
	return last, nil
}

// LastFailure is the task of a group that failed last, since a time: it did not come up, ended by itself, or was found unhealthy. Where
// startedBy is not empty, it is one that was started by that. Nil when none is known. Tasks that were told to stop for other reasons
// have not failed.
func (s *Service) LastFailure(ctx context.Context, scope store.Scope, cluster, group, startedBy string, since time.Time) (*Task, error) {
	failed := func(t *Task) bool {
		return t.Group == group && (startedBy == "" || t.StartedBy == startedBy) && t.Status == Stopped && t.StoppedAt.After(since) && t.failed()
	}
	return s.lastTask(ctx, scope, cluster, failed, func(t *Task) time.Time { return t.StoppedAt }, pastKey(pastByGroup, cluster, group))
}

// failed says whether a task that has stopped did so because something was wrong with it.
func (t *Task) failed() bool {
	why := t.Why()
	switch {
	case why == nil:
		return false
	case why.Code == api.TaskStopCodeServiceSchedulerInitiated:
		return strings.HasPrefix(why.Reason, "Task failed ")
	}
	return why.Code != api.TaskStopCodeUserInitiated
}

// latestLooked is how many of the history's tasks that ended last are looked at for the one that was made last.
const latestLooked = 100

// tasksOf yields the tasks of a cluster that are in the state.
func (s *Service) tasksOf(scope store.Scope, cluster string) func(func(*Task) bool) {
	return func(yield func(*Task) bool) {
		for _, desired := range []api.DesiredStatus{api.DesiredStatusRunning, api.DesiredStatusStopped} {
			for row := range s.Tasks.Find(scope, TasksByCluster, listKey(cluster, desired)) {
				if !yield(row.Value) {
					return
				}
			}
		}
	}
}

// begun is the one task of a cluster whose id begins so.
func (s *Service) begun(ctx context.Context, scope store.Scope, cluster, beginning string) (found *Task, err error) {
	take := func(t *Task) error {
		if found != nil && found.ID != t.ID {
			return fmt.Errorf("%s: %w (%s and %s, for two): type more of it", beginning, ErrManyTasks, found.ID, t.ID)
		}
		found = t
		return nil
	}
	for t := range s.tasksOf(scope, cluster) {
		if strings.HasPrefix(t.ID, beginning) {
			if err := take(t); err != nil {
				return nil, err
			}
		}
	}
	if s.config.History == nil {
		return found, nil
	}
	for r, err := range s.config.History.Find(ctx, scope, pastKey(pastByCluster, cluster), beginning) {
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(r.ID, beginning) {
			break
		}
		t, err := pastTask(r)
		if err != nil {
			return nil, err
		}
		if err := take(t); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Judge says of every machine that the task might have been on whether it would have room for it now, the closest match first, up
// to a number.
func (s *Service) Judge(scope store.Scope, t *Task, most int) []placement.Verdict {
	at := pool{scope: scope, launchType: t.LaunchType}
	if t.LaunchType != api.LaunchTypeFargate {
		at.cluster = t.Cluster
	}
	r := placement.Request{Demand: t.Demand, Pool: at.name(), Group: t.placementGroup()}
	if row, ok := s.TaskDefinitions.Get(scope, t.Definition.Key()); ok {
		r.Attributes = (&launch{template: *t}).requirements(&row.Value.Definition)
	}
	s.placer.mu.Lock()
	defer s.placer.mu.Unlock()
	return s.placer.ledger.Verdicts(r, most)
}
