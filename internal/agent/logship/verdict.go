package logship

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// verdict is what an error means for what was sent.
type verdict int

const (
	retry   verdict = iota // the same may succeed later
	denied                 // the credentials are not, or no longer, good
	missing                // there is no such group or stream
	stored                 // some of it is stored already: the error says up to where
	refused                // it will never be taken
)

func verdictOf(err error) verdict {
	var answered *client.Error
	if !errors.As(err, &answered) {
		return retry
	}
	switch answered.Code {
	case logs.DataAlreadyAcceptedException, logs.InvalidSequenceTokenException:
		return stored
	case logs.ResourceNotFoundException:
		return missing
	case "ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException", "AccessDeniedException":
		return denied
	case "ThrottlingException", "RequestTimeoutException", logs.OperationAbortedException, logs.ServiceUnavailableException:
		return retry
	}
	if answered.Status >= http.StatusInternalServerError {
		return retry
	}
	return refused
}

func code(err error) string {
	var answered *client.Error
	if errors.As(err, &answered) {
		return answered.Code
	}
	return ""
}

// backoff spaces out attempts: from a tenth of a second, doubling, to ten seconds, at random so that the containers of a machine
// don't come back all at once.
type backoff struct{ next time.Duration }

const (
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
)

// sleep waits before the next attempt; ctx's error when it ends first.
func (b *backoff) sleep(ctx context.Context) error {
	b.next = min(max(2*b.next, firstWait), lastWait)
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
