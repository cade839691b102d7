// Package journald is the log driver journald: it writes what containers print into the journal of a machine that runs
// systemd, with the fields that Docker gives it. internal/agent makes it.
package journald

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// Driver writes into a journal.
type Driver struct {
	// Enabled says whether the machine has a journal, and Write writes into it: journal.Enabled and journal.Send.
	Enabled func() bool
	Write   func(message string, priority journal.Priority, fields map[string]string) error
}

var _ logdriver.Driver = (*Driver)(nil)

// New returns the driver of this machine's journal.
func New() *Driver { return &Driver{Enabled: journal.Enabled, Write: journal.Send} }

// Prepare checks the options, and that there is a journal.
func (d *Driver) Prepare(_ context.Context, s logdriver.Source) error {
	if err := logdriver.CheckTagged("journald", s.Options); err != nil {
		return err
	}
	if !d.Enabled() {
		return &logdriver.Unavailable{Err: errors.New("journald is not enabled on this host")}
	}
	return nil
}

// Open returns the way into the journal.
func (d *Driver) Open(s logdriver.Source) (logdriver.Sink, error) {
	if err := logdriver.CheckTagged("journald", s.Options); err != nil {
		return nil, err
	}
	tag, err := s.Tag(logdriver.DefaultTag)
	if err != nil {
		return nil, err
	}
	fields := s.Attributes(fieldName)
	for name, value := range map[string]string{
		"CONTAINER_ID": s.Info.ID(), "CONTAINER_ID_FULL": s.Info.FullID(), "CONTAINER_NAME": s.Info.Name(), "CONTAINER_TAG": tag,
		"IMAGE_NAME": s.Info.ImageName(), "SYSLOG_IDENTIFIER": tag,
	} {
		fields[name] = value
	}
	return &sink{d, fields}, nil
}

// fieldName is a name as the journal takes it: capitals, digits and underscores, and no underscore first.
func fieldName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
	return strings.TrimLeft(name, "_")
}

// sink writes one container's output.
type sink struct {
	*Driver
	fields map[string]string
}

// maxEvent is how long a line may become that is put together from its pieces.
const maxEvent = 256 << 10

// Limits leave out empty lines: the journal keeps no message without text.
func (s *sink) Limits() logdriver.Limits {
	return logdriver.Limits{Event: maxEvent, NoEmpty: true, Patience: logdriver.Patience}
}

// Send writes an entry for each event.
func (s *sink) Send(_ context.Context, b logdriver.Batch) (taken int, err error) {
	for i, e := range b.Events {
		priority := journal.PriInfo
		if e.Stream == spool.Stderr {
			priority = journal.PriErr
		}
		s.fields["SYSLOG_TIMESTAMP"] = e.Time.Format(time.RFC3339Nano)
		if err := s.Write(e.Text, priority, s.fields); err != nil {
			return i, err
		}
	}
	return len(b.Events), nil
}

// Close has nothing to close: the journal's socket is shared.
func (s *sink) Close() error { return nil }
