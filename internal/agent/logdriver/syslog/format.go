package syslog

import (
	"fmt"
	"strconv"
	"time"

	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// Severities, of RFC 5424.
const (
	severityError = 3
	severityInfo  = 6
)

// The time in a message.
const (
	seconds      = time.RFC3339
	microseconds = "2006-01-02T15:04:05.000000Z07:00"
)

// message appends an event's message, with its end.
func (s *sink) message(to []byte, e logdriver.Event) []byte {
	priority := s.facility<<3 | severityInfo
	if e.Stream == spool.Stderr {
		priority = s.facility<<3 | severityError
	}
	var text string
	switch s.format {
	case "rfc5424", "rfc5424micro":
		layout := seconds
		if s.format == "rfc5424micro" {
			layout = microseconds
		}
		// The tag is the application's name, and the kind of message.
		text = fmt.Sprintf("<%d>1 %s %s %s %d %s - %s\n", priority, e.Time.Format(layout), s.host, s.tag, s.pid, s.tag, e.Text)
		if s.address.TLS != nil { // RFC 5425: the length, then the message
			to = strconv.AppendInt(to, int64(len(text)), 10)
			to = append(to, ' ')
		}
	case "rfc3164":
		text = fmt.Sprintf("<%d>%s %s %s[%d]: %s\n", priority, e.Time.Format(time.Stamp), s.host, s.tag, s.pid, e.Text)
	default:
		text = fmt.Sprintf("<%d>%s %s[%d]: %s\n", priority, e.Time.Format(time.Stamp), s.tag, s.pid, e.Text)
	}
	return append(to, text...)
}
