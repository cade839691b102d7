// Package fluentd is the log driver fluentd: it sends what containers print to Fluentd, Fluent Bit or another that speaks
// Fluentd's forward protocol, over TCP, TLS or a socket of this machine. FireLens sends by it too. internal/agent makes it.
//
// Without fluentd-request-ack a batch is taken once it is written to the connection; with it, once the server has said so.
package fluentd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// Driver sends to the servers that containers' options name.
type Driver struct{}

var _ logdriver.Driver = Driver{}

// Prepare checks the options, and, for a container that waits for its output to be taken, that the server is there, unless it
// need not be (fluentd-async).
func (Driver) Prepare(ctx context.Context, s logdriver.Source) error {
	o, err := optionsOf(s)
	if err != nil || !s.Blocking() || o.async {
		return err
	}
	conn, err := o.address.Dial(ctx)
	if err != nil {
		return &logdriver.Unavailable{Err: err}
	}
	return conn.Close()
}

// Open returns the way to the container's server.
func (Driver) Open(s logdriver.Source) (logdriver.Sink, error) {
	o, err := optionsOf(s)
	if err != nil {
		return nil, err
	}
	out := &sink{Line: logdriver.Line{Address: o.address, Renew: o.reconnect, Timeout: o.writeTimeout}, options: o, fields: s.Attributes(nil)}
	if out.tag, err = s.Tag(logdriver.DefaultTag); err != nil {
		return nil, err
	}
	out.fields["container_id"], out.fields["container_name"] = s.Info.ContainerID, s.Info.ContainerName
	return out, nil
}

// sink is the way to one server.
type sink struct {
	logdriver.Line
	options
	tag      string
	fields   map[string]string
	failures int
}

// Bounds: of a batch, and of a line that is put together from its pieces.
const (
	maxBytes  = 512 << 10
	maxEvents = 2000
	maxEvent  = 256 << 10
)

// Limits are the driver's own; the protocol has none.
func (s *sink) Limits() logdriver.Limits {
	return logdriver.Limits{Bytes: maxBytes, Events: maxEvents, Event: maxEvent, Retry: s.retryWait, Patience: logdriver.Patience}
}

// Send sends a batch as one message. After as many failures as fluentd-max-retries allows it is dropped.
func (s *sink) Send(ctx context.Context, b logdriver.Batch) (taken int, err error) {
	if err := s.send(ctx, b); err != nil {
		s.failures++
		if s.maxRetries >= 0 && s.failures > s.maxRetries {
			s.failures = 0
			return len(b.Events), &logdriver.Refused{Events: len(b.Events), Err: err}
		}
		return 0, err
	}
	s.failures = 0
	return len(b.Events), nil
}

// ackTimeout is how long a server may take to say that it has a batch.
const ackTimeout = 10 * time.Second

func (s *sink) send(ctx context.Context, b logdriver.Batch) error {
	chunk := ""
	if s.requestAck {
		chunk = fmt.Sprintf("%s-%d-%d", s.tag, b.First, b.End) // the same when it is repeated
	}
	if err := s.Write(ctx, s.forward(b, chunk)); err != nil || chunk == "" {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	return s.Read(ctx, func(r io.Reader) error {
		var answer struct{ ack string }
		in := msgp.NewReaderSize(io.LimitReader(r, 4096), 512)
		n, err := in.ReadMapHeader()
		for ; err == nil && n > 0; n-- {
			var key string
			if key, err = in.ReadString(); err == nil && key == "ack" {
				answer.ack, err = in.ReadString()
			} else if err == nil {
				err = in.Skip()
			}
		}
		if err == nil && answer.ack != chunk {
			err = fmt.Errorf("the server acknowledged %q, not %q", answer.ack, chunk)
		}
		return err
	})
}
