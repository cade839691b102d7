package ssm

import (
	"bytes"
	"context"
	"strings"
	"time"
)

// transcript keeps what a session prints in a log group. A nil one keeps nothing.
type transcript struct {
	session *session
	lines   chan Line
	done    chan struct{}
	rest    []byte // a line that has not ended
}

// Bounds of a transcript.
const (
	longestLine = 64 << 10        // one that is longer is kept in parts
	waiting     = 16              // lines, for the log to take them
	flushAfter  = 5 * time.Second // how long a line waits for others
	flushLines  = 1000
	flushBytes  = 512 << 10 // well below what one PutLogEvents takes
)

// record begins the session's transcript.
func (e *session) record() *transcript {
	if e.request.Group == "" {
		return nil
	}
	t := &transcript{session: e, lines: make(chan Line, waiting), done: make(chan struct{})}
	go t.run()
	return t
}

// write takes in output. It waits for the log when that can't follow: what is audited is not lost.
func (t *transcript) write(data []byte) {
	if t == nil {
		return
	}
	for {
		line, after, ended := bytes.Cut(data, []byte("\n"))
		if t.rest = append(t.rest, line...); ended || len(t.rest) > longestLine {
			t.put(string(t.rest))
			t.rest = t.rest[:0]
		}
		if !ended {
			return
		}
		data = after
	}
}

func (t *transcript) put(line string) {
	if line = strings.ToValidUTF8(strings.TrimRight(line, "\r"), "\uFFFD"); line != "" { // an event can't be empty
		t.lines <- Line{time.Now(), line}
	}
}

// close keeps the rest and returns when all of it is kept, or can't be.
func (t *transcript) close() {
	if t == nil {
		return
	}
	t.put(string(t.rest))
	close(t.lines)
	<-t.done
}

func (t *transcript) run() {
	defer close(t.done)
	var batch []Line
	bytes := 0
	flush := time.NewTicker(flushAfter)
	defer flush.Stop()
	for open := true; open; {
		var line Line
		select {
		case line, open = <-t.lines:
			if open {
				batch = append(batch, line)
				bytes += len(line.Text)
			}
		case <-flush.C:
			t.keep(batch)
			batch, bytes = nil, 0
		}
		if len(batch) >= flushLines || bytes >= flushBytes {
			t.keep(batch)
			batch, bytes = nil, 0
		}
	}
	t.keep(batch)
}

// keep records lines. A failure is told to the operator, and does not end the session.
func (t *transcript) keep(lines []Line) {
	if len(lines) == 0 {
		return
	}
	e := t.session
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := e.service.Recorder.Record(ctx, e.request.Target.Scope, e.request.Group, e.id, lines); err != nil {
		e.service.Log.Error("what a session printed is not kept", "session", e.id, "group", e.request.Group, "lines", len(lines), "error", err)
	}
}
