// Package awslogs is the log driver of CloudWatch Logs: it makes the stream that the options name and puts events into it,
// each once. internal/agent makes it.
//
// Nothing is doubled: each batch says which offsets of the container's spool it holds (package logsource), and the service
// stores an offset once.
package awslogs

import (
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// Driver ships to the control plane's CloudWatch Logs.
type Driver struct {
	Endpoint    string                  // of the control plane: "http://127.0.0.1:4566"
	Credentials aws.CredentialsProvider // the agent's own
	HTTP        *http.Client
}

var _ logdriver.Driver = (*Driver)(nil)

// Bounds of a batch. The service's are 1 MiB and 10,000 events; half the bytes, because a byte may become six in JSON.
const (
	maxBytes   = 512 << 10
	maxEvents  = 10_000
	maxSpan    = 24 * time.Hour
	maxEvent   = 256 << 10 // beyond which a long line becomes several events
	eventExtra = 26        // what the service counts for each event beside its text
)

// hold is how long an event of several lines waits for another.
const hold = time.Second

// Open returns the container's stream.
func (d *Driver) Open(s logdriver.Source) (logdriver.Sink, error) {
	to, err := d.destination(s)
	if err != nil {
		return nil, err
	}
	return &sink{destination: to, source: s.Task + "/" + s.Container}, nil
}

// sink is a log stream.
type sink struct {
	*destination
	source string // names the container for ever
}

// Limits are the service's.
func (s *sink) Limits() logdriver.Limits {
	return logdriver.Limits{Bytes: maxBytes, Events: maxEvents, Extra: eventExtra, Event: maxEvent, Span: maxSpan, NoEmpty: true,
		Begins: s.begins, Hold: hold}
}

// Close has nothing to close: connections are shared.
func (s *sink) Close() error { return nil }
