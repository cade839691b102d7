package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// carry brings the task from whatever the engine has of it to its containers being made, and keeps it up from there. Its
// error is a *failure, or the end of ctx.
func (t *task) carry(ctx context.Context) error {
	status, found, err := t.inspect(ctx)
	switch {
	case err != nil:
		return err
	case !found && t.progress.Created:
		return errGone
	case status.Lost && (t.progress.Created || len(status.Containers) > 0): // otherwise its creation was cut off
		return &failure{lost(status)}
	case t.hasEnded(status):
		return errEssential
	}
	if err := t.check(); err != nil {
		return &failure{fmt.Sprintf("UnrecognizedTaskError: %v", err)}
	}
	if why := refusal(&t.payload); why != "" {
		return &failure{"ResourceInitializationError: " + why}
	}
	if err := t.prepare(ctx, status); err != nil {
		return err
	}
	// From here on each call to the engine is short, and cut short it would leave the engine busy: a stop waits for its end.
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(t.life, cancel)()
	saved := t.saving(working)
	if err := t.create(ctx, working, status); err != nil {
		return errors.Join(err, saved())
	}
	if err := saved(); err != nil { // before anything runs: the engine having forgotten the task means that it ran
		return err
	}
	return t.keep(ctx, working)
}

// errGone ends a task that the engine has had and has no longer.
var errGone = &failure{"The task's containers are gone: the machine was restarted, or they were removed behind the agent's back."}

func lost(s engine.TaskStatus) string {
	if s.LostReason != "" {
		return s.LostReason
	}
	return "What kept the task's containers has died."
}

// inspect returns the task as the engine has it. found is false when it has none.
func (t *task) inspect(ctx context.Context) (s engine.TaskStatus, found bool, err error) {
	err = t.until(ctx, "be looked up in the engine", func(ctx context.Context) error {
		s, err = t.Engine.Inspect(ctx, t.id)
		if found = err == nil; errors.Is(err, engine.ErrNotFound) {
			return nil
		}
		return err
	})
	t.observe(s)
	return s, found, err
}

// hasEnded says that the task has nothing to run for: an essential container has ended or can't run.
func (t *task) hasEnded(s engine.TaskStatus) bool {
	for _, c := range t.payload.Containers {
		if !c.Essential {
			continue
		}
		if t.progress.Containers[c.Name].Failed != "" {
			return true
		}
		if t.isOver(&c, find(s, c.Name)) {
			return true
		}
	}
	return false
}
