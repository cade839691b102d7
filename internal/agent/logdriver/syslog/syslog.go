// Package syslog is the log driver syslog: it sends what containers print to a syslog server, over UDP, TCP, TLS or a socket
// of this machine, in the formats of RFC 3164 and RFC 5424. internal/agent makes it.
package syslog

import (
	"context"
	"os"

	"github.com/berth-dev/berth/internal/agent/logdriver"
)

// Driver sends to the servers that containers' options name.
type Driver struct{}

var _ logdriver.Driver = Driver{}

// Prepare checks the options, and, for a container that waits for its output to be taken, that the server is there.
func (Driver) Prepare(ctx context.Context, s logdriver.Source) error {
	o, err := optionsOf(s)
	if err != nil || !s.Blocking() {
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
	out := &sink{Line: logdriver.Line{Address: o.address}, options: o, pid: os.Getpid()}
	if out.tag, err = s.Tag(logdriver.DefaultTag); err != nil {
		return nil, err
	}
	if out.host, err = os.Hostname(); err != nil {
		return nil, err
	}
	return out, nil
}

// sink is the way to one server.
type sink struct {
	logdriver.Line
	options
	tag, host string
	pid       int
}

// maxBytes is how much is written at once where messages follow each other.
const maxBytes = 64 << 10

// Limits leave long lines in the pieces in which the spool has them: a datagram holds one.
func (s *sink) Limits() logdriver.Limits {
	return logdriver.Limits{Bytes: maxBytes, Patience: logdriver.Patience}
}

// Send sends a message for each event.
func (s *sink) Send(ctx context.Context, b logdriver.Batch) (taken int, err error) {
	if s.datagrams() {
		for i, e := range b.Events {
			if err := s.Write(ctx, s.message(nil, e)); err != nil {
				return i, err
			}
		}
		return len(b.Events), nil
	}
	var all []byte
	for _, e := range b.Events {
		all = s.message(all, e)
	}
	if err := s.Write(ctx, all); err != nil {
		return 0, err
	}
	return len(b.Events), nil
}
