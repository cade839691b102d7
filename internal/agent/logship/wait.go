package logship

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// backoff spaces out attempts: from a tenth of a second, doubling, to ten seconds, at random so that the containers of a machine
// don't come back all at once.
type backoff struct{ first, next time.Duration }

const (
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
	// lastWaitDraining is the longest once a container has stopped: what is left of it waits to be removed.
	lastWaitDraining = time.Second
)

// sleep waits before the next attempt; ctx's error when it ends first. The end of early cuts short what is being waited, once.
func (b *backoff) sleep(ctx, early context.Context) error {
	longest := lastWait
	hurry := early.Done()
	if early.Err() != nil {
		longest, hurry = lastWaitDraining, nil
	}
	b.next = min(max(2*b.next, b.first, firstWait), max(longest, b.first))
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-hurry:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}

// complaint tells the agent's log what goes wrong, but not more often than people want to read it.
type complaint struct {
	log   *slog.Logger
	last  map[string]time.Time
	count map[string]uint64
}

const complainEvery = 10 * time.Second

func (c *complaint) about(lines uint64, what string, err error) {
	if c.last == nil {
		c.last, c.count = map[string]time.Time{}, map[string]uint64{}
	}
	c.count[what] += lines
	if now := time.Now(); now.Sub(c.last[what]) >= complainEvery {
		c.log.Warn(what, "lines", c.count[what], "error", err)
		c.last[what], c.count[what] = now, 0
	}
}
