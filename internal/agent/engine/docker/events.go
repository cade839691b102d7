package docker

import (
	"context"
	"time"

	"github.com/moby/moby/client"

	"github.com/berth-dev/berth/internal/agent/retry"
)

// follow has every task looked at that something happens to. Whenever the daemon is reached again, something has happened to
// all of them.
func (e *Engine) follow() {
	filters := client.Filters{}.Add("type", "container").Add("label", labelInstance+"="+e.config.Instance)
	for wait := firstWait; e.life.Err() == nil; {
		began := time.Now()
		err := e.listen(e.life, filters)
		if e.life.Err() != nil {
			return
		}
		e.config.Log.Warn("Docker's events have ended; listening again", "error", err)
		if time.Since(began) > lastWait {
			wait = firstWait
		}
		if !retry.Pause(e.life, wait) {
			return
		}
		wait = min(2*wait, lastWait)
	}
}

// How long a daemon that is gone is left alone.
const (
	firstWait = 50 * time.Millisecond
	lastWait  = 2 * time.Second
)

// listen listens until the stream of events breaks off.
func (e *Engine) listen(ctx context.Context, filters client.Filters) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream := e.api.Events(ctx, client.EventsListOptions{Filters: filters})
	select {
	case err := <-stream.Err:
		return err
	default:
	}
	e.rouseAll() // from here on nothing is missed
	for {
		select {
		case event := <-stream.Messages:
			if t := e.task(event.Actor.Attributes[labelTask]); t != nil {
				t.event(event)
				t.rouse()
			}
		case err := <-stream.Err:
			return err
		}
	}
}

func (e *Engine) rouseAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range e.tasks {
		t.rouse()
	}
}
