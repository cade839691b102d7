package dispatch

import (
	"context"
	"fmt"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// sessionsSince is the version of Berth's additions to the protocol since which agents open sessions into containers.
const sessionsSince = 3

// OpenSession asks an instance's agent to open the stream of a session into a container. ecs.ErrTargetNotConnected when no
// agent is there that can.
func (d *Dispatcher) OpenSession(ctx context.Context, scope store.Scope, instance string, m acs.BerthSessionMessage) error {
	s := d.sessions.get(instanceKey{scope, instance})
	switch {
	case s == nil || !s.recorded.Load():
		return fmt.Errorf("%w: the agent of container instance %s has no session", ecs.ErrTargetNotConnected, instance)
	case s.protocol < sessionsSince:
		return fmt.Errorf("%w: the agent of container instance %s can't open sessions into containers", ecs.ErrTargetNotConnected, instance)
	}
	select {
	case s.openings <- m:
		return nil
	case <-s.ctx.Done():
		return fmt.Errorf("%w: %w", ecs.ErrTargetNotConnected, context.Cause(s.ctx))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
