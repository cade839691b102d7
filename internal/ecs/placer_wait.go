package ecs

import (
	"context"
	"slices"
	"time"

	"github.com/berth-dev/berth/internal/ecs/placement"
)

// lookEvery is how often at most a launch that waits looks again: agents come back in thousands.
const lookEvery = 5 * time.Millisecond

// wait returns once placing has begun, and a request need not wait for agents that have not come back yet since the server started: its
// tasks fit, or something else is in the way, or there was time enough.
func (p *placer) wait(ctx context.Context, l *launch) error {
	select {
	case <-p.ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		p.mu.Lock()
		left, changed := p.service.config.Settle-time.Since(p.started), p.changed
		if left > 0 && (p.complete() || !slices.ContainsFunc(l.shares, func(sh *share) bool { return p.awaits(sh, l.requestOf(sh)) })) {
			left = 0
		}
		p.mu.Unlock()
		if left <= 0 {
			return nil
		}
		if !pause(ctx, changed, left) || !pause(ctx, nil, min(left, lookEvery)) {
			return context.Cause(ctx)
		}
	}
}

// complete tells whether all have come that are expected.
func (p *placer) complete() bool {
	expected := p.service.config.Expected
	return expected > 0 && len(p.came) >= expected
}

// pause waits for a signal, and for so long at most. It is false when ctx ends.
func pause(ctx context.Context, signal <-chan struct{}, most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-signal:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// awaits tells whether not all of a share's tasks find room, and more may once an agent comes.
func (p *placer) awaits(sh *share, r placement.Request) bool {
	r.Pool, r.Instance = sh.pool.name(), sh.instance
	return p.ledger.Awaits(r, sh.count)
}
