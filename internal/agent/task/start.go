package task

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// startTimeout is how long the engine may take to start a container: the ECS agent's.
const startTimeout = 3 * time.Minute

// start brings the task from whatever the engine has of it to all its containers started, and reports that. Its error
// is a *failure, or the end of ctx.
func (t *task) start(ctx context.Context) error {
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
	// From here on each step is short, and cut short it would leave the engine busy with it: a stop waits for its end.
	working := context.WithoutCancel(ctx)
	working, cancel := context.WithCancel(working)
	defer cancel()
	defer context.AfterFunc(t.life, cancel)()
	saved := t.saving(working)
	if err := t.create(ctx, working, status); err != nil {
		return errors.Join(err, saved())
	}
	if err := saved(); err != nil { // before anything runs: the engine having forgotten the task means that it ran
		return err
	}
	if status, err = t.startContainers(ctx, working, status); err != nil {
		return err
	}
	if t.progress.Running {
		return nil
	}
	return t.report(ctx, status, running)
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
		if have := find(s, c.Name); have != nil && have.State == engine.Stopped {
			return true
		}
	}
	return false
}

// create creates the containers that the engine does not have, and follows the output of all.
func (t *task) create(ctx, working context.Context, status engine.TaskStatus) error {
	for i := range t.payload.Containers {
		c := &t.payload.Containers[i]
		if t.progress.Containers[c.Name].Failed != "" {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if find(status, c.Name) == nil {
			spec, err := t.containerSpec(c)
			if err == nil {
				err = t.Engine.CreateContainer(working, t.id, spec)
			}
			if working.Err() != nil {
				return context.Cause(working)
			}
			if err != nil {
				if err := t.cannot(c.Name, c.Essential, engine.CannotCreateContainer, err); err != nil {
					return err
				}
				continue
			}
		}
		t.followLog(working, c)
	}
	return nil
}

// startContainers starts, in order, what is created and not started, and returns the task as it is then.
func (t *task) startContainers(ctx, working context.Context, status engine.TaskStatus) (engine.TaskStatus, error) {
	for i := range t.payload.Containers {
		c := &t.payload.Containers[i]
		if t.progress.Containers[c.Name].Failed != "" {
			continue
		}
		if have := find(status, c.Name); have != nil && have.State != engine.Created {
			continue
		}
		if ctx.Err() != nil {
			return status, context.Cause(ctx)
		}
		starting, cancel := context.WithTimeoutCause(working, startTimeout,
			fmt.Errorf("DockerTimeoutError: Could not transition to started; timed out after waiting %s", startTimeout))
		err := t.Engine.StartContainer(starting, t.id, c.Name)
		if err != nil && starting.Err() != nil && working.Err() == nil {
			err = context.Cause(starting)
		}
		cancel()
		if working.Err() != nil {
			return status, context.Cause(working)
		}
		if err != nil {
			if err := t.cannot(c.Name, c.Essential, engine.CannotStartContainer, err); err != nil {
				return status, err
			}
		}
	}
	status, found, err := t.inspect(working)
	switch {
	case err != nil:
		return status, err
	case !found:
		return status, errGone
	case status.Lost:
		return status, &failure{lost(status)}
	}
	return status, nil
}

// maxReason is how much of a reason ECS keeps.
const maxReason = 1024

// prefixed is a reason that begins with the name of its error, as the ECS agent's do.
var prefixed = regexp.MustCompile(`^[A-Z][A-Za-z]+Error: `)

// clip cuts a reason to what ECS keeps.
func clip(reason string) string {
	if len(reason) > maxReason {
		return strings.ToValidUTF8(reason[:maxReason], "")
	}
	return reason
}

// reasonOf is an error as a container's reason, which begins with the name of its kind.
func reasonOf(kind engine.Kind, err error) string {
	reason := err.Error()
	var named *engine.Error
	if !errors.As(err, &named) && !prefixed.MatchString(reason) {
		reason = (&engine.Error{Kind: kind, Err: err}).Error()
	}
	return clip(reason)
}

// cannot remembers that a container never runs. Its error ends the task if the container is essential.
func (t *task) cannot(container string, essential bool, kind engine.Kind, err error) error {
	reason := reasonOf(kind, err)
	t.log.Info("container cannot run", "container", container, "reason", reason)
	t.remember(container, func(c *db.Container) { c.Failed = reason })
	if essential {
		return errEssential
	}
	return nil
}
