package logship

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/berth-dev/berth/internal/agent/spool"
)

// Bounds of a batch. The service's are 1 MiB and 10,000 events; half the bytes, because a byte may become six in JSON.
const (
	maxBytes    = 512 << 10
	maxEvents   = 10_000
	maxSpan     = 24 * time.Hour
	maxEvent    = 256 << 10 // beyond which the pieces of a long line become several events
	eventExtra  = 26        // what the service counts for each event beside its text
	linesAtOnce = 64
)

// event is a line, or a long line put together again. It covers the offsets first up to and not including end.
type event struct {
	first, end uint64
	time       int64 // Unix milliseconds
	text       string
}

// batch is events in order of time, and the offsets that they cover: empty lines, which the service doesn't take, and lines that
// the spool dropped are part of the range.
type batch struct {
	events     []event
	bytes      int
	first, end uint64
}

// takes says whether the event may be part of the batch.
func (b *batch) takes(e event) bool {
	if len(b.events) == 0 {
		return true
	}
	return len(b.events) < maxEvents && b.bytes+len(e.text)+eventExtra <= maxBytes &&
		e.time >= b.events[len(b.events)-1].time && // the clock was set back: the service wants them in order
		e.time-b.events[0].time < maxSpan.Milliseconds()
}

func (b *batch) add(e event) {
	if len(b.events) == 0 {
		b.first = e.first
	}
	b.events = append(b.events, e)
	b.bytes += len(e.text) + eventExtra
	b.end = e.end
}

// from cuts off what is before an offset.
func (b *batch) from(offset uint64) {
	for len(b.events) > 0 && b.events[0].first < offset {
		b.bytes -= len(b.events[0].text) + eventExtra
		b.events = b.events[1:]
	}
	b.first = offset
}

// joiner puts long lines together that the spool keeps in pieces.
type joiner struct {
	open   *event // pieces that are waiting for the next one
	stream spool.Stream
	text   strings.Builder
}

// add takes the next line of the spool and returns what is complete now: at most two events, none for an empty line.
func (j *joiner) add(l spool.Line) (complete []event) {
	if j.open != nil && (l.Stream != j.stream || l.Offset != j.open.end || j.text.Len()+len(l.Text) > maxEvent) {
		complete = j.close(complete)
	}
	if j.open == nil {
		j.open = &event{first: l.Offset, time: l.Time.UnixMilli()}
		j.stream = l.Stream
	}
	j.text.Write(l.Text)
	j.open.end = l.Offset + 1
	if !l.Partial {
		complete = j.close(complete)
	}
	return complete
}

// close completes what is open.
func (j *joiner) close(complete []event) []event {
	if j.open == nil {
		return complete
	}
	e := *j.open
	e.text = valid(j.text.String())
	j.open = nil
	j.text.Reset()
	return append(complete, e)
}

// valid is the text with U+FFFD for each byte that is no part of a character, as Docker's driver sends it.
func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return string([]rune(text))
}
