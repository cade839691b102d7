package service

import (
	"context"
	"errors"
	"time"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/service/plan"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// start launches the tasks that a plan asks for. It tells whether some were started; what found no room is remembered.
func (l *loop) start(ctx context.Context, key serviceKey, v *Service, start plan.Start, s *seen) (started bool, err error) {
	revision := s.revisions[s.revisionOf(v, start.Rollout)]
	if revision == nil {
		return false, nil
	}
	order := l.order(key.scope, v, revision, start.Rollout)
	order.Count, order.Instances, order.Zones, order.Zone = start.Count, start.Instances, start.Zones, start.Zone
	for _, part := range start.Providers {
		order.Providers = append(order.Providers, ecs.ProviderShare{Provider: part.Provider, Count: part.Count})
	}
	launched, err := l.ecs.LaunchFor(ctx, key.scope, order, func(tx *store.Tx, tasks []string) error {
		if err := l.unchanged(tx, key, v); err != nil {
			return err
		}
		told := *v
		told.Version++
		text := plan.Started(tasks)
		if start.Zone != "" {
			text = plan.StartedIn(start.Zone, tasks)
		}
		if err := l.Tell(tx, key.scope, &told, time.Now().UTC(), plan.Event(v.Name, text)); err != nil {
			return err
		}
		return l.Services.Put(tx, key.scope, key.key, &told)
	})
	switch {
	case err != nil && !refused(err):
		return false, err
	case err == nil && len(launched.Tasks) >= min(start.Count, plan.MaxStarts):
		l.found(key)
		return true, nil
	}
	text := ""
	if err != nil {
		text = placeReason(err.Error())
	} else {
		text = unplaced(order, launched.Failures)
	}
	return len(launched.Tasks) > 0, l.noRoom(ctx, key, text, start.Zone != "")
}

// refused tells whether an error is an answer: asking again at once would be answered alike.
func refused(err error) bool {
	var answer *wire.Error
	return errors.As(err, &answer)
}

// revisionOf is the id of the revision of a rollout, or of a task set.
func (s *seen) revisionOf(v *Service, id string) string {
	if o := rolloutOf(v, id); o != nil {
		return o.Revision
	}
	for _, set := range s.sets {
		if set.ID == id {
			return set.Revision
		}
	}
	return ""
}

func rolloutOf(v *Service, id string) *Rollout {
	for i := range v.Rollouts {
		if v.Rollouts[i].ID == id {
			return &v.Rollouts[i]
		}
	}
	return nil
}
