package logship

import (
	"context"
	"errors"
	"time"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// sendTimeout bounds one attempt: a backend that takes nothing for so long is as good as away.
const sendTimeout = 30 * time.Second

// send brings a batch to its backend and returns once each of its events is taken, refused for good, or given up. Its error
// is that of the follower's context.
func (f *follower) send(b logdriver.Batch) error {
	wait := backoff{first: f.limits.Retry}
	for trying := time.Now(); len(b.Events) > 0; {
		if f.givenUp {
			f.drop(len(b.Events), errors.New("its backend did not take what was left"))
			return nil
		}
		ctx, cancel := context.WithTimeout(f.ctx, sendTimeout)
		taken, err := f.sink.Send(ctx, b)
		cancel()
		if b = b.From(taken); taken > 0 {
			wait.next, trying = 0, time.Now()
		}
		var refused *logdriver.Refused
		switch {
		case err == nil:
		case f.ctx.Err() != nil:
			return f.ctx.Err()
		case errors.As(err, &refused):
			f.drop(refused.Events, refused.Err)
		default:
			f.complaint.about(0, "the output of a container waits: it can't be sent now", err)
			f.givenUp = f.outOfPatience(trying)
			if !f.givenUp && wait.sleep(f.ctx, f.draining) != nil {
				return f.ctx.Err()
			}
		}
	}
	return nil
}

// outOfPatience says that the container has stopped and what is left was tried for long enough.
func (f *follower) outOfPatience(trying time.Time) bool {
	if f.limits.Patience == 0 || f.draining.Err() == nil {
		return false
	}
	if f.drainedFrom.IsZero() {
		f.drainedFrom = time.Now()
	}
	since := f.drainedFrom
	if trying.After(since) {
		since = trying
	}
	return time.Since(since) >= f.limits.Patience
}

func (f *follower) drop(events int, why error) {
	f.dropped.Add(uint64(events))
	f.complaint.about(uint64(events), "output of a container was refused for good and dropped", why)
}
