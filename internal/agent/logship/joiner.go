package logship

import (
	"strings"
	"unicode/utf8"

	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// joiner makes events of the spool's lines: it puts long lines together that the spool keeps in pieces, and lines that
// belong together (Limits.Begins).
type joiner struct {
	logdriver.Limits
	pieces, lines pending
}

// pending is an event that is waiting for more.
type pending struct {
	logdriver.Event
	is   bool
	text strings.Builder
}

func (p *pending) begin(e logdriver.Event) { p.Event, p.is = e, true }

func (p *pending) end() logdriver.Event {
	e := p.Event
	e.Text = p.text.String()
	p.is = false
	p.text.Reset()
	return e
}

// add takes the next line of the spool and returns what is complete now.
func (j *joiner) add(l spool.Line) (complete []logdriver.Event) {
	p := &j.pieces
	if p.is && (l.Stream != p.Stream || l.Offset != p.End || p.text.Len()+len(l.Text) > j.longest()) {
		complete = j.line(complete, p.end())
	}
	if !p.is {
		p.begin(logdriver.Event{First: l.Offset, Time: l.Time, Stream: l.Stream})
	}
	p.text.Write(l.Text)
	p.End = l.Offset + 1
	if !l.Partial {
		complete = j.line(complete, p.end())
	}
	return complete
}

func (j *joiner) longest() int { return max(j.Event, spool.MaxLine) }

// line takes a whole line.
func (j *joiner) line(complete []logdriver.Event, e logdriver.Event) []logdriver.Event {
	e.Text = valid(e.Text)
	if j.Begins == nil {
		return append(complete, e)
	}
	p := &j.lines
	if p.is && (j.Begins.MatchString(e.Text) || p.text.Len()+len(e.Text)+1 > j.longest()) {
		complete = append(complete, p.end())
	}
	if !p.is {
		p.begin(e)
	}
	p.text.WriteString(e.Text)
	if p.text.Len() < j.longest() {
		p.text.WriteByte('\n') // as Docker joins them, and ends them
	}
	p.End = e.End
	return complete
}

// holds says that an event of several lines waits for its end.
func (j *joiner) holds() bool { return j.lines.is }

// release completes an event whose last line came long enough ago.
func (j *joiner) release() (complete []logdriver.Event) {
	if j.lines.is {
		complete = append(complete, j.lines.end())
	}
	return complete
}

// close completes what is open.
func (j *joiner) close() (complete []logdriver.Event) {
	if j.pieces.is {
		complete = j.line(complete, j.pieces.end())
	}
	return append(complete, j.release()...)
}

// valid is the text with U+FFFD for each byte that is no part of a character, as Docker's driver sends it.
func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return string([]rune(text))
}
