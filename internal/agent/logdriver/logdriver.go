// Package logdriver is the seam between the log shipper (internal/agent/logship), which follows what containers print,
// and the drivers that take it to a backend, a package each below this one: awslogs, fluentd, gelf, journald, jsonfile,
// splunk and syslog. It also has what drivers share: the check of options, tags and attributes, as Docker has them.
//
// A driver knows one protocol and nothing of spools, offsets, retries and ends: the shipper cuts output into batches
// within the sink's Limits, repeats what was not taken, drops what is refused for good, and notes how far it came.
package logdriver

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// Source is the output of one container, and how its definition wants it logged.
type Source struct {
	Task, TaskARN, Container string
	Dir                      string // of the spool
	Driver                   string // "awslogs", "json-file", ...
	Options                  map[string]string
	// SecretOptions reads the options that are secrets, to be kept in memory alone. It may wait for the control plane. Nil: there
	// are none. Drivers find them among Options.
	SecretOptions func(ctx context.Context) (map[string]string, error)
	Stream        string // of awslogs: the log stream's name; empty: one made of task and container
	// Credentials of the task's execution role; without any, the agent's own are used.
	Credentials func(ctx context.Context) (acs.IAMRoleCredentials, bool)
	Info        Info
}

// WithSecrets is the source with the options that are secrets among the others.
func (s Source) WithSecrets(ctx context.Context) (Source, error) {
	if s.SecretOptions == nil {
		return s, nil
	}
	secrets, err := s.SecretOptions(ctx)
	if err != nil {
		return s, err
	}
	all := maps.Clone(s.Options)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, secrets)
	s.Options, s.SecretOptions = all, nil
	return s, nil
}

// Blocking says that the container waits for its output to be taken.
func (s Source) Blocking() bool { return s.Options["mode"] != "non-blocking" }

// Driver takes output to one kind of backend. Its methods may be called at the same time.
type Driver interface {
	// Prepare checks the options and has ready what output needs, such as a log stream. Its error fails the task; a backend that
	// may come back is waited for until ctx ends, or left to Send. Preparing again changes nothing.
	Prepare(ctx context.Context, s Source) error
	// Open returns the way to the backend. It connects to nothing yet: the options are wrong, or it succeeds.
	Open(s Source) (Sink, error)
}

// Sink is one container's way to its backend. One goroutine calls it.
type Sink interface {
	Limits() Limits
	// Send returns how many events the backend has taken, from the first on, and why not all. A *Refused in the error's chain
	// says that some of those counted as taken will never be; with any other the rest is sent again later.
	Send(ctx context.Context, b Batch) (taken int, err error)
	Close() error
}

// Limits are the bounds of what a sink is given. Zero is no bound, except of Event.
type Limits struct {
	Bytes, Events int           // of a batch, counted with Extra for each event
	Extra         int           // bytes
	Event         int           // bytes of a long line that is put together from its pieces; at least spool.MaxLine
	Span          time.Duration // between the first event of a batch and the last, which are then in order of time
	NoEmpty       bool          // empty lines are left out
	// Begins matches the line that an event of several lines begins with; nil: a line is an event. Such an event is complete
	// when the next begins, when it would be longer than Event, or when no line came for Hold.
	Begins *regexp.Regexp
	Hold   time.Duration
	// Retry is the first wait before what was not taken is sent again, from which on waits double; 0: a tenth of a second.
	Retry time.Duration
	// Patience is how long the rest of a container that has stopped is tried without success before it is dropped; 0: for ever.
	Patience time.Duration
}

// Patience of drivers whose backend is not the control plane: Docker's take what is left along at once.
const Patience = 10 * time.Second

// Event is a line, or several that belong together. It covers the offsets of the spool First up to and not including End.
type Event struct {
	First, End uint64
	Time       time.Time
	Stream     spool.Stream
	Text       string // valid UTF-8
}

// Batch is events in order, and the offsets that they cover: lines that are left out or were lost are part of the range.
type Batch struct {
	Events     []Event
	First, End uint64
}

// From is the batch without its first n events.
func (b Batch) From(n int) Batch {
	if n > 0 && n < len(b.Events) {
		b.First = b.Events[n].First
	}
	b.Events = b.Events[n:]
	return b
}

// Refused says that a backend never takes some events, which are dropped and counted.
type Refused struct {
	Events int
	Err    error
}

func (r *Refused) Error() string { return fmt.Sprintf("%d events refused: %v", r.Events, r.Err) }
func (r *Refused) Unwrap() error { return r.Err }

// Unavailable is why a driver can't begin, though its options are good: its backend is not there, or does not want the output.
type Unavailable struct{ Err error }

func (u *Unavailable) Error() string { return "failed to initialize logging driver: " + u.Err.Error() }
func (u *Unavailable) Unwrap() error { return u.Err }
