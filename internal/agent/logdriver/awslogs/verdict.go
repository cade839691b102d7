package awslogs

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
	accepted verdict = iota // there was none
	retry                   // the same may succeed later
	denied                  // the credentials are not, or no longer, good
	missing                 // there is no such group or stream
	stored                  // some of it is stored already: the error says up to where
	refused                 // it will never be taken
)

func verdictOf(err error) verdict {
	if err == nil {
		return accepted
	}
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

// waits are those between attempts to make a stream.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
)

// sleep waits about so long, at random so that the containers of a machine don't come back all at once; false: ctx has ended.
func sleep(ctx context.Context, about time.Duration) bool {
	timer := time.NewTimer(about/2 + rand.N(about/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
