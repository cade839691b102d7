package ecs

import (
	"context"
	"errors"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// RunTask places and commits up to ten tasks of a definition. Those that find no room are in failures; the answer comes
// once the others are durable. A client token that comes again answers as the first time, whatever has changed since;
// while the first is on its way, it waits for that.
func (s *Service) RunTask(ctx context.Context, r *api.RunTaskRequest) (*api.RunTaskResponse, error) {
	scope := scopeOf(ctx)
	token, err := runToken(r)
	if err != nil {
		return nil, err
	}
	if token != nil {
		leave, err := s.tokens.take(ctx, scopedToken{scope, token.Value})
		if err != nil {
			return nil, err
		}
		defer leave()
		before, known, err := store.Recall[ran](s.db, scope, *token)
		if err != nil {
			return nil, s.runConflict(ctx, scope, err, before.Tasks)
		}
		if known {
			return &api.RunTaskResponse{Tasks: s.launched(ctx, scope, before.Tasks), Failures: present(before.Failures)}, nil
		}
	}
	l, err := s.runOf(scope, r)
	if err != nil {
		return nil, err
	}
	if err := s.launch(ctx, scope, l, token); err != nil {
		if errors.Is(err, store.ErrTokenReused) { // by one whose commit was in doubt, and came late
			before, _, _ := store.Recall[ran](s.db, scope, *token)
			return nil, s.runConflict(ctx, scope, err, before.Tasks)
		}
		return nil, err
	}
	if sh := l.shares[0]; len(l.ran.Tasks) == 0 && !sh.candidates && sh.provider == "" && sh.pool.launchType != api.LaunchTypeFargate {
		return nil, invalidParameter(noInstances)
	}
	return &api.RunTaskResponse{Tasks: s.launched(ctx, scope, l.ran.Tasks), Failures: present(l.ran.Failures)}, nil
}

// runOf checks a RunTask and works out its launch.
func (s *Service) runOf(scope store.Scope, r *api.RunTaskRequest) (*launch, error) {
	count := 1
	if r.Count != nil {
		count = int(*r.Count)
	}
	if count < 1 || count > 10 {
		return nil, invalidParameter("count must be between 1 and 10, but was %d.", count)
	}
	cluster, err := s.activeCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	where, err := s.capacityFor(scope, cluster, r, count)
	if err != nil {
		return nil, err
	}
	run := *r
	run.LaunchType = where.launchType
	l, err := s.launchOf(scope, &run)
	if err != nil {
		return nil, err
	}
	l.shares = where.shares(scope, cluster, count)
	return l, nil
}

// launched describes tasks that a launch has committed, if need be from the history: a token may recall one of long ago. What
// can't be read is left out, for the tasks are there all the same.
func (s *Service) launched(ctx context.Context, scope store.Scope, ids []string) []api.Task {
	out := make([]api.Task, 0, len(ids))
	for _, id := range ids {
		task, err := s.TaskRecord(ctx, scope, id)
		switch {
		case err != nil:
			s.log.Error("a task that was run is left out of the answer", "task", id, "error", err)
		case task != nil:
			out = append(out, s.describe(scope, task, true))
		}
	}
	return out
}
