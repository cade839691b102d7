// Package gelf is the log driver gelf: it sends what containers print to Graylog, Logstash or another that takes the Graylog
// Extended Log Format 1.1, over UDP (compressed, in chunks) or TCP. internal/agent makes it.
package gelf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// Driver sends to the servers that containers' options name.
type Driver struct{}

var _ logdriver.Driver = Driver{}

// Prepare checks the options, and, for a container that waits for its output to be taken, that a server of TCP is there.
func (Driver) Prepare(ctx context.Context, s logdriver.Source) error {
	o, err := optionsOf(s)
	if err != nil || !s.Blocking() {
		return err
	}
	conn, err := o.address.Dial(ctx)
	if err != nil {
		return &logdriver.Unavailable{Err: fmt.Errorf("gelf: cannot connect to GELF endpoint: %s %w", o.address.Host, err)}
	}
	return conn.Close()
}

// Open returns the way to the container's server.
func (Driver) Open(s logdriver.Source) (logdriver.Sink, error) {
	o, err := optionsOf(s)
	if err != nil {
		return nil, err
	}
	out := &sink{Line: logdriver.Line{Address: o.address}, options: o}
	tag, err := s.Tag(logdriver.DefaultTag)
	if err != nil {
		return nil, err
	}
	if out.host, err = os.Hostname(); err != nil {
		return nil, err
	}
	out.fields = s.Attributes(func(name string) string { return "_" + name })
	for name, value := range map[string]string{
		"_container_id": s.Info.ContainerID, "_container_name": s.Info.Name(), "_image_id": s.Info.ContainerImageID,
		"_image_name": s.Info.ContainerImageName, "_command": s.Info.Command(), "_tag": tag,
		"_created": s.Info.ContainerCreated.UTC().Format(time.RFC3339Nano),
	} {
		out.fields[name] = value
	}
	return out, nil
}

// sink is the way to one server.
type sink struct {
	logdriver.Line
	options
	host     string
	fields   map[string]string
	failures int
}

// Bounds: of a batch, and of an event, which fits into the chunks of a message though it were not compressed.
const (
	maxBytes = 64 << 10
	maxEvent = 64 << 10
)

// Limits leave out empty lines, which the format does not have.
func (s *sink) Limits() logdriver.Limits {
	return logdriver.Limits{Bytes: maxBytes, Event: maxEvent, NoEmpty: true, Retry: s.delay, Patience: logdriver.Patience}
}

// Levels are those of syslog.
const (
	levelError = 3
	levelInfo  = 6
)

// message is an event on the wire.
type message struct {
	Version string            `json:"version"`
	Host    string            `json:"host"`
	Short   string            `json:"short_message"`
	Time    float64           `json:"timestamp"` // seconds
	Level   int               `json:"level"`
	Fields  map[string]string `json:",embed"`
}

// Send sends a message for each event. After as many failures as gelf-tcp-max-reconnect allows what failed is dropped.
func (s *sink) Send(ctx context.Context, b logdriver.Batch) (taken int, err error) {
	for i, e := range b.Events {
		if err := s.send(ctx, e); err != nil {
			if errors.Is(err, errTooLong) {
				return i + 1, &logdriver.Refused{Events: 1, Err: err}
			}
			s.failures++
			if s.retries > 0 && s.failures > s.retries && ctx.Err() == nil {
				s.failures = 0
				return i + 1, &logdriver.Refused{Events: 1, Err: err}
			}
			return i, err
		}
		s.failures = 0
	}
	return len(b.Events), nil
}

func (s *sink) send(ctx context.Context, e logdriver.Event) error {
	m := message{Version: "1.1", Host: s.host, Short: e.Text, Time: float64(e.Time.UnixMilli()) / 1000, Level: levelInfo, Fields: s.fields}
	if e.Stream == spool.Stderr {
		m.Level = levelError
	}
	text, err := json.Marshal(m, json.Deterministic(true))
	if err != nil {
		return err
	}
	if s.address.Network == "tcp" {
		return s.Write(ctx, append(text, 0))
	}
	if text, err = s.compressed(text); err != nil {
		return err
	}
	datagrams, err := chunks(text)
	for _, d := range datagrams {
		err = errors.Join(err, s.Write(ctx, d))
	}
	return err
}
