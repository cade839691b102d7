package task

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// tellAfter is how long an attached task is prepared before the control plane is told that it is attached; sooner, the
// report that it runs says so too.
const tellAfter = 250 * time.Millisecond

// prepare has everything ready that the containers need: their network and what they share, their images, their secrets,
// their log streams. None of them needs another, so they go on at once; the first that fails ends the others.
func (t *task) prepare(ctx context.Context, status engine.TaskStatus) error {
	missing := t.missing(status)
	if len(missing) > 0 && t.progress.PullStartedAt.IsZero() {
		t.progress.PullStartedAt = time.Now()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	step := func(f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				cancel(err)
			}
		})
	}
	var ground *groundwork
	var failed map[string]error
	adopted := t.progress.Running // which the report of a delay writes, beside the steps
	attached := make(chan struct{})
	step(func() (err error) {
		ground, err = t.layGround(attached)
		if err != nil && adopted { // what runs is not ended over a restart of the agent
			t.log.Error("task runs, but what surrounds it could not be adopted", "error", err)
			return nil
		}
		return err
	})
	step(func() (err error) { failed, err = t.pull(ctx, missing); return err })
	step(func() error { return t.prepareSecrets(ctx, missing) })
	step(func() error { return t.prepareLogs(ctx, missing) })
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		wg.Wait()
	}()
	t.tellOfDelay(ctx, attached, ready)
	<-ready

	if ground != nil {
		t.progress.Created, t.endpoint = true, ground.endpoint
		t.setOwn(ground.own)
	}
	if err := context.Cause(ctx); err != nil && err != errEssential {
		return err
	}
	if len(missing) > 0 && t.progress.PullStoppedAt.IsZero() {
		t.progress.PullStoppedAt = time.Now()
	}
	for _, c := range missing {
		kind, err := engine.CannotPullContainer, failed[c.Name]
		if err == nil && ground != nil {
			kind, err = engine.CannotStartContainer, ground.failed[c.Name]
		}
		if err != nil {
			if err := t.cannot(c.Name, c.Essential, kind, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// missing returns the containers that the engine does not have and that can still run.
func (t *task) missing(s engine.TaskStatus) []*acs.Container {
	var missing []*acs.Container
	for i := range t.payload.Containers {
		c := &t.payload.Containers[i]
		if find(s, c.Name) == nil && t.progress.Containers[c.Name].Failed == "" {
			missing = append(missing, c)
		}
	}
	return missing
}

// tellOfDelay reports that the task is attached when what else it needs takes its time. It returns when that has been
// said, or need not be.
func (t *task) tellOfDelay(ctx context.Context, attached, ready <-chan struct{}) {
	select {
	case <-attached:
		t.attached = true
	case <-ready:
		select {
		case <-attached:
			t.attached = true
		default:
		}
		return
	}
	timer := time.NewTimer(tellAfter)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ready:
		return
	}
	if !t.progress.Running && ctx.Err() == nil {
		_ = t.report(ctx, engine.TaskStatus{}, pending) // fails only with ctx, which the caller looks at
	}
}

// pull makes the images of containers present, all at once, and returns the errors by container. It gives up when an
// essential container's image cannot be had.
func (t *task) pull(ctx context.Context, containers []*acs.Container) (failed map[string]error, err error) {
	failed = map[string]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, c := range containers {
		wg.Go(func() {
			err := t.pullImage(ctx, c)
			if err == nil || ctx.Err() != nil {
				return
			}
			if own, ok := errors.AsType[*failure](err); ok {
				cancel(own)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if failed[c.Name] = err; c.Essential {
				cancel(errEssential)
			}
		})
	}
	wg.Wait()
	return failed, context.Cause(ctx)
}

// pullImage makes a container's image present.
func (t *task) pullImage(ctx context.Context, c *acs.Container) error {
	auth, err := t.login(ctx, c)
	if err != nil {
		return err
	}
	return t.patiently(ctx, "pull image "+c.Image, func() error {
		req := engine.PullRequest{Reference: c.Image, Policy: t.Pull, Auth: auth, Platform: t.platform(), Task: t.id, Container: c.Name}
		_, err := t.Engine.PullImage(ctx, t.choose(ctx, c, req), nil)
		return err
	})
}
