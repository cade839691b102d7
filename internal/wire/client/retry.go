package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"
)

// retry runs attempt until it succeeds, may not be repeated, or has been made
// often enough.
func (c *Client) retry(ctx context.Context, reads bool, attempt func() ([]byte, error)) ([]byte, error) {
	attempts, wait := c.Attempts, c.Backoff
	if attempts == 0 {
		attempts = 3
	}
	if wait == 0 {
		wait = 50 * time.Millisecond
	}
	for n := 1; ; n++ {
		answer, err := attempt()
		if err == nil || n >= attempts || ctx.Err() != nil || !again(err, reads) {
			return answer, err
		}
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
			return nil, err
		}
		wait *= 2
	}
}

// again reports whether a failed attempt may be repeated: when nothing can
// have happened on the other side, or nothing ever happens there.
func again(err error, reads bool) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	var answered *Error
	if errors.As(err, &answered) {
		return answered.Code == "ThrottlingException" || reads && answered.Status >= 500
	}
	return reads
}
