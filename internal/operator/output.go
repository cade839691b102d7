package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// PathOutput answers what a container printed that logs into files.
const PathOutput = "/_berth/output"

// Output is a piece of what a container printed, and where it goes on.
type Output struct {
	Lines []OutputLine `json:"lines"`
	Next  OutputCursor `json:"next"`
}

// OutputLine is a line that a container printed.
type OutputLine struct {
	Time   time.Time `json:"time"`
	Stream string    `json:"stream"`
	Text   string    `json:"text"`
}

// OutputCursor is a place in what a container printed: after so many lines of that moment. The zero value is the beginning.
type OutputCursor struct {
	Time time.Time `json:"time,omitzero"`
	Seen int       `json:"seen,omitzero"`
}

// OutputQuery names a container, and the place from which it is read.
type OutputQuery struct {
	Task, Container string // the task's id of 32 hexadecimal digits
	From            OutputCursor
	Last            int // instead of From: only the last so many lines
}

func (q OutputQuery) values() url.Values {
	return url.Values{"task": {q.Task}, "container": {q.Container}, "time": {q.From.Time.Format(time.RFC3339Nano)}, "seen": {strconv.Itoa(q.From.Seen)},
		"last": {strconv.Itoa(q.Last)}}
}

func outputQuery(values url.Values) (q OutputQuery, err error) {
	q.Task, q.Container = values.Get("task"), values.Get("container")
	var terr, serr, lerr error
	q.From.Time, terr = time.Parse(time.RFC3339Nano, values.Get("time"))
	q.From.Seen, serr = strconv.Atoi(values.Get("seen"))
	q.Last, lerr = strconv.Atoi(values.Get("last"))
	if err := errors.Join(terr, serr, lerr); err != nil {
		return q, fmt.Errorf("no place in a container's output: %w", err)
	}
	return q, nil
}

func outputHandler(b Backend) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, err := outputQuery(r.URL.Query())
		if err != nil {
			answer(w, http.StatusBadRequest, Failure{err.Error()})
			return
		}
		out, err := b.Output(r.Context(), q)
		reply(w, out, err)
	}
}

// Output reads a piece of what a container printed, oldest first. None is left when it has no lines.
func (c *Client) Output(ctx context.Context, q OutputQuery) (Output, error) {
	var out Output
	return out, c.ask(ctx, http.MethodGet, PathOutput+"?"+q.values().Encode(), &out)
}
