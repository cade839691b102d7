// Package retry is how the agent waits between one attempt and the next. internal/agent/task, session, secret and the Docker engine
// call it.
package retry

import (
	"context"
	"time"
)

// Pause waits; false says that ctx ended first.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
