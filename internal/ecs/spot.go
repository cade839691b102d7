package ecs

import (
	"context"
	"errors"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// reasonInterrupted is the stoppedReason of a task whose Spot capacity was taken away.
const reasonInterrupted = "Your Spot Task was interrupted."

// What InterruptSpot can't do.
var (
	ErrNotSpot    = errors.New("only tasks of the capacity provider FARGATE_SPOT can be interrupted")
	ErrTaskEnding = errors.New("the task is stopping or has stopped")
)

// InterruptSpot takes away the capacity of a task that runs on Fargate Spot, as AWS does when it needs it: the task leaves its load balancers
// and its containers get SIGTERM at once, and SIGKILL after their stopTimeout, which is two minutes at most.
func (s *Service) InterruptSpot(ctx context.Context, scope store.Scope, task string) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		t, ok := s.Tasks.GetTx(tx, scope, task)
		switch {
		case !ok || t.Ending() || !t.Status.Live():
			return ErrTaskEnding
		case t.CapacityProvider != fargateSpotProvider:
			return ErrNotSpot
		}
		return s.StopTx(tx, scope, task, Stop{Code: api.TaskStopCodeSpotInterruption, Reason: reasonInterrupted, At: time.Now().UTC(), Now: true})
	})
}
