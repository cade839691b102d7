package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/retry"
)

// How long the engine may take to do what it is asked for while it answers other questions: the ECS agent's.
const (
	createTimeout = 4 * time.Minute
	startTimeout  = 3 * time.Minute
)

// patiently has the engine do something, and asks again, with backoff, for as long as it does not answer: slowness says
// nothing of what was asked for. It gives up when ctx ends.
func (t *task) patiently(ctx context.Context, what string, f func() error) error {
	for wait := backoff(100*time.Millisecond, 30*time.Second); ; {
		err := f()
		if err == nil || !errors.Is(err, engine.ErrUnavailable) {
			return err
		}
		t.log.Warn("the engine does not answer; asking again", "what", what, "error", err)
		if !retry.Pause(ctx, wait()) {
			return context.Cause(ctx)
		}
	}
}

// within bounds one request to the engine, which is abandoned when working ends or the limit has passed. An engine that
// answers nothing else either by then is slow; one that does has failed, as the ECS agent has it, to reach the state.
func (t *task) within(working context.Context, limit time.Duration, state string, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(working, limit)
	defer cancel()
	err := f(ctx)
	switch {
	case working.Err() != nil:
		return context.Cause(working)
	case err == nil || ctx.Err() == nil:
		return err
	}
	asking, cancel := context.WithTimeout(working, 10*time.Second)
	defer cancel()
	if _, silent := t.Engine.Inspect(asking, t.id); silent != nil {
		return fmt.Errorf("%w: %w", engine.ErrUnavailable, silent)
	}
	return fmt.Errorf("DockerTimeoutError: Could not transition to %s; timed out after waiting %s", state, limit)
}
