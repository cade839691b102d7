package dispatch

import "context"

// entrants is how many sessions may begin at the same time: enough for the store to take their records together.
const entrants = 64

// entrance lets sessions begin a few at a time. When a fleet comes back, as it does after a restart, requests are answered
// between its sessions and not behind them all.
type entrance chan struct{}

// pass calls begin when there is room, and not at all once ctx has ended.
func (e entrance) pass(ctx context.Context, begin func()) {
	select {
	case e <- struct{}{}:
		defer func() { <-e }()
		begin()
	case <-ctx.Done():
	}
}
