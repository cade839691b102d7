package docker

import (
	"context"
	"errors"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// stopping is a stop that is under way. It goes on when those who wait for it have gone.
type stopping struct {
	deadline time.Time     // when the container is killed; guarded by the task's mu
	hastened chan struct{} // of capacity 1: the deadline is another
	done     chan struct{}
	err      error // valid once done is closed
}

// StopContainer sends the stop signal, and after the grace kills. A second call can shorten the grace of the first.
func (e *Engine) StopContainer(ctx context.Context, id, name string, grace time.Duration) error {
	b, err := e.find(id, name)
	if err != nil {
		return err
	}
	if err := b.halt(); err != nil {
		return err
	}
	if err := b.refresh(ctx); err != nil {
		return err
	}
	stop := b.beginStop(time.Now().Add(grace))
	if stop == nil {
		return nil
	}
	select {
	case <-stop.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if stop.err == nil || errors.Is(stop.err, engine.ErrUnavailable) {
		return stop.err
	}
	return &engine.Error{Kind: engine.CannotStopContainer, Err: stop.err}
}

// halt makes sure that the container never starts again.
func (b *box) halt() (err error) {
	b.change(func() {
		if !b.record.Halted {
			b.record.Halted = true
			err = b.save()
		}
	})
	b.log.rouse()
	return err
}

// beginStop returns the stop that is under way, by a deadline at the latest; nil when there is nothing to stop.
func (b *box) beginStop(deadline time.Time) *stopping {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost != "" || b.seen.State != engine.Running {
		return nil
	}
	if s := b.stop; s != nil {
		if deadline.Before(s.deadline) {
			s.deadline = deadline
			select {
			case s.hastened <- struct{}{}:
			default:
			}
		}
		return s
	}
	s := &stopping{deadline: deadline, hastened: make(chan struct{}, 1), done: make(chan struct{})}
	b.stop = s
	b.work.Go(func() {
		s.err = b.carryOut(s)
		b.mu.Lock()
		b.stop = nil
		b.mu.Unlock()
		close(s.done)
	})
	return s
}

// killAgain is how long a killed container may take to be gone before it is killed again.
const killAgain = 10 * time.Second

func (b *box) carryOut(s *stopping) error {
	signal := b.signal
	if signal == "" {
		signal = "SIGTERM"
	}
	if time.Until(s.deadline) > 0 {
		if err := b.kill(signal); err != nil {
			return err
		}
	}
	for {
		b.mu.Lock()
		running, deadline, changed := b.seen.State == engine.Running && b.lost == "", s.deadline, b.changed
		b.mu.Unlock()
		if !running {
			return nil
		}
		timer := time.NewTimer(time.Until(deadline))
		select {
		case <-changed:
		case <-s.hastened:
		case <-b.life.Done():
			timer.Stop()
			return b.life.Err()
		case <-timer.C:
			if err := b.kill("SIGKILL"); err != nil {
				return err
			}
			b.mu.Lock()
			s.deadline = time.Now().Add(killAgain)
			b.mu.Unlock()
			if err := b.refresh(b.life); err != nil {
				return err
			}
		}
		timer.Stop()
	}
}

// kill sends a signal to the container's first process; one that is not there has no need of it.
func (b *box) kill(signal string) error {
	err := b.ask(b.life, askTime, "send "+signal+" to container "+b.record.Name, func(ctx context.Context) error {
		_, err := b.api.ContainerKill(ctx, b.record.ID, client.ContainerKillOptions{Signal: signal})
		if errdefs.IsConflict(err) || errdefs.IsNotFound(err) {
			return nil
		}
		return err
	})
	if err != nil && b.life.Err() != nil {
		return context.Cause(b.life)
	}
	return err
}
