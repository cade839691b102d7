// Package logdrivertest has servers that stand in for the backends of log drivers, for the tests of the drivers and of the log
// shipper: they can be away, die, and come back at the same address.
package logdrivertest

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// Server is a backend. It begins away.
type Server struct {
	t       testing.TB
	Address string // host:port; the same each time it is up
	listen  func(address string) (listener, error)

	mu       sync.Mutex
	up       listener
	messages []Message
}

// Message is what arrived: the whole of it, and the line that it carries.
type Message struct {
	Whole any
	Line  string
}

// listener is a server while it is up.
type listener interface {
	Addr() net.Addr
	Close() error
}

func newServer(t testing.TB, listen func(s *Server, address string) (listener, error)) *Server {
	s := &Server{t: t}
	s.listen = func(address string) (listener, error) { return listen(s, address) }
	l, err := s.listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = l.Addr().String()
	l.Close()
	t.Cleanup(s.Down)
	return s
}

// Up has the server listen.
func (s *Server) Up() {
	s.t.Helper()
	var l listener
	s.Until("its address is free", func() (ok bool) {
		var err error
		l, err = s.listen(s.Address)
		return err == nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up = l
}

// Down ends the server and its connections.
func (s *Server) Down() {
	s.mu.Lock()
	l := s.up
	s.up = nil
	s.mu.Unlock()
	if l != nil {
		l.Close()
	}
}

func (s *Server) got(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
}

// Messages are what has arrived so far.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Lines are the lines of what has arrived so far.
func (s *Server) Lines() (lines []string) {
	for _, m := range s.Messages() {
		lines = append(lines, m.Line)
	}
	return lines
}

// Until waits for something to come true.
func (s *Server) Until(what string, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("it never came that %s; %d messages", what, len(s.Messages()))
		}
	}
}

// Source is the output of a container with these options.
func Source(driver string, options map[string]string) logdriver.Source {
	return logdriver.Source{Task: "t1", Container: "web", Driver: driver, Options: options, Info: logdriver.Info{
		ContainerID: "0123456789abcdef0123456789abcdef", ContainerName: "/ecs-app-1-web-0123", ContainerImageID: "sha256:fedcba9876543210",
		ContainerImageName: "busybox:1", ContainerCreated: time.Unix(1_700_000_000, 0), ContainerCommand: []string{"sh", "-c", "x"},
		ContainerEnv: map[string]string{"STAGE": "prod", "HOME": "/"}, ContainerLabels: map[string]string{"team": "web", "tier": "1"}, DaemonName: "berth",
	}}
}

// Batch is events with these lines, a millisecond apart; those that begin with "!" are of stderr.
func Batch(lines ...string) (b logdriver.Batch) {
	for i, text := range lines {
		stream := spool.Stdout
		if text != "" && text[0] == '!' {
			stream = spool.Stderr
		}
		at := time.Date(2026, 5, 4, 3, 2, 1, 123_456_789, time.UTC).Add(time.Duration(i) * time.Millisecond)
		b.Events = append(b.Events, logdriver.Event{First: uint64(i), End: uint64(i + 1), Time: at, Stream: stream, Text: text})
	}
	b.End = uint64(len(lines))
	return b
}

// Send prepares a driver and sends a batch through it.
func Send(t testing.TB, d logdriver.Driver, s logdriver.Source, b logdriver.Batch) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := d.Prepare(ctx, s); err != nil {
		t.Fatal(err)
	}
	sink, err := d.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	if n, err := sink.Send(ctx, b); n != len(b.Events) || err != nil {
		t.Fatalf("%d of %d events taken: %v", n, len(b.Events), err)
	}
}
