package ecs

import (
	"context"
	"errors"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// RunTask places and commits up to ten tasks of a definition. Those that find no room are in failures; the answer comes
// once the others are durable. A client token that comes again answers with the tasks of the first time, whatever has
// changed since.
func (s *Service) RunTask(ctx context.Context, r *api.RunTaskRequest) (*api.RunTaskResponse, error) {
	scope := scopeOf(ctx)
	token, err := runToken(r)
	if err != nil {
		return nil, err
	}
	if token != nil {
		ids, known, err := store.Recall[[]string](s.db, scope, *token)
		if err != nil {
			return nil, s.runConflict(ctx, scope, err, ids)
		}
		if known {
			return &api.RunTaskResponse{Tasks: s.launched(ctx, scope, ids), Failures: []api.Failure{}}, nil
		}
	}
	l, err := s.runOf(scope, r)
	if err != nil {
		return nil, err
	}
	if err := s.launch(ctx, scope, l, token); err != nil {
		if errors.Is(err, store.ErrTokenReused) { // by one that came at the same time
			ids, _, _ := store.Recall[[]string](s.db, scope, *token)
			return nil, s.runConflict(ctx, scope, err, ids)
		}
		return nil, err
	}
	if sh := l.shares[0]; l.placed && !sh.candidates && sh.provider == "" && sh.pool.launchType != api.LaunchTypeFargate {
		return nil, invalidParameter("No Container Instances were found in your cluster.")
	}
	return &api.RunTaskResponse{Tasks: s.launched(ctx, scope, l.tasks), Failures: s.failures(scope, l)}, nil
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

// runToken is the request's client token, nil without one.
func runToken(r *api.RunTaskRequest) (*store.Token, error) {
	if r.ClientToken == "" {
		return nil, nil
	}
	if len(r.ClientToken) > 64 {
		return nil, invalidParameter("clientToken longer than 64.")
	}
	params, err := store.Params(r)
	return &store.Token{Operation: "RunTask", Value: r.ClientToken, Params: params, Keep: tokenKept}, err
}

// runConflict is the answer to a client token that came with other parameters: it names the tasks that it was for.
func (s *Service) runConflict(ctx context.Context, scope store.Scope, err error, ids []string) error {
	if !errors.Is(err, store.ErrTokenReused) {
		return err
	}
	arns := []string{}
	for _, task := range s.launched(ctx, scope, ids) {
		arns = append(arns, task.TaskArn)
	}
	conflict := wire.Errorf(api.ConflictException, "The client token was used with other parameters.")
	conflict.Fields = map[string]any{"resourceIds": arns}
	return conflict
}
