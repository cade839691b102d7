package dispatch

import (
	"context"
	"sync"
)

// entrants is how many sessions may begin at the same time: enough for the store to take their records together.
const entrants = 64

// entrance lets sessions begin a few at a time. When a fleet comes back, as it does after a restart, requests are answered
// between its sessions and not behind them all.
type entrance chan struct{}

// enter waits for room and returns what makes room for the next, to be called once or more. When ctx ends first there is
// none, and in is false.
func (e entrance) enter(ctx context.Context) (begun func(), in bool) {
	select {
	case e <- struct{}{}:
		return sync.OnceFunc(func() { <-e }), true
	case <-ctx.Done():
		return nil, false
	}
}
