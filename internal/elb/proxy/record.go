package proxy

import (
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// record is what the access log says of a request.
type record struct {
	began        time.Time
	first        time.Duration // until the target's answer began; 0: it did not
	status       int           // sent to the client; 0: none yet
	targetStatus int
	group        string
	target       balancer.TargetKey
	received     int64
	sent         int64
	traceID      []byte
	redirect     string
}

func (x *exchange) log() {}
