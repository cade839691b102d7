package server

import (
	"context"
	"fmt"

	"github.com/berth-dev/berth/internal/operator"
)

// Interrupt takes away the capacity of a task on Fargate Spot.
func (s *Server) Interrupt(ctx context.Context, cluster, name string) (operator.Interrupted, error) {
	scope, cluster, name := named(ctx, cluster, name)
	task, err := s.ECS.TaskNamed(ctx, scope, cluster, name)
	switch {
	case err != nil:
		return operator.Interrupted{}, fmt.Errorf("%w: %w", operator.ErrNotFound, err)
	case task == nil:
		return operator.Interrupted{}, fmt.Errorf("%w: no task or family is named %q in cluster %s; `berth ps --cluster %[3]s` lists those that run", operator.ErrNotFound, name, cluster)
	}
	if err := s.ECS.InterruptSpot(ctx, scope, task.ID); err != nil {
		return operator.Interrupted{}, fmt.Errorf("%w: task %s: %w", operator.ErrNotFound, task.ID, err)
	}
	return operator.Interrupted{Task: task.ID, Reason: "Your Spot Task was interrupted."}, nil
}
