package task

import (
	"context"
	"errors"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// create creates the containers that the engine does not have, each after those that it depends on, and follows the
// output of all.
func (t *task) create(ctx, working context.Context, status engine.TaskStatus) error {
	containers, err := inOrder(t.payload.Containers)
	if err != nil {
		return &failure{err.Error()} // which check would have told
	}
	for _, c := range containers {
		if t.progress.Containers[c.Name].Failed != "" {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if find(status, c.Name) == nil {
			err := t.createContainer(ctx, working, c)
			switch {
			case working.Err() != nil:
				return context.Cause(working)
			case err != nil && err == context.Cause(ctx):
				return err
			case err != nil:
				if own, ok := errors.AsType[*failure](err); ok {
					return own
				}
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

// createContainer creates a container. An image that has gone since it was pulled is pulled again, once.
func (t *task) createContainer(ctx, working context.Context, c *acs.Container) error {
	spec, err := t.containerSpec(c)
	if err != nil {
		return err
	}
	for again := true; ; again = false {
		err := t.patiently(ctx, "create container "+c.Name, func() error {
			return t.within(working, createTimeout, "created", func(ctx context.Context) error { return t.Engine.CreateContainer(ctx, t.id, spec) })
		})
		if !again || !errors.Is(err, engine.ErrNotFound) {
			return err
		}
		t.log.Warn("an image is gone since it was pulled; pulling it again", "container", c.Name, "image", c.Image)
		if err := t.pullImage(ctx, c); err != nil {
			return err
		}
		spec.Image = t.imageOf(c)
	}
}
