package service

import (
	"reflect"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/service/plan"
	"github.com/berth-dev/berth/internal/store"
)

// rollout is a task set as the scheduler takes it: a rollout with a desired count of its own.
func (t *TaskSet) rollout(desired int32) Rollout {
	return Rollout{ID: t.ID, Revision: t.Revision, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, DesiredCount: t.Computed(desired), Failing: t.Failing}
}

// noteSets writes what has become of the task sets of a service. One that is to have no tasks any more goes with the last of them.
func (l *loop) noteSets(tx *store.Tx, key serviceKey, s *seen, p plan.Plan, now time.Time) error {
	for i, set := range s.sets {
		r := &p.Service.Rollouts[i]
		if p.Inactive || set.Status == Draining && r.Stable {
			if err := l.TaskSets.Delete(tx, key.scope, set.Key()); err != nil {
				return err
			}
			continue
		}
		next := *set
		next.Failing = failing(r)
		stability := api.StabilityStatusStabilizing
		if r.Stable {
			stability = api.StabilityStatusSteadyState
		}
		if next.Stability != stability {
			next.Stability, next.StableAt = stability, now
		}
		if reflect.DeepEqual(&next, set) {
			continue
		}
		if err := l.TaskSets.Put(tx, key.scope, set.Key(), &next); err != nil {
			return err
		}
	}
	return nil
}
