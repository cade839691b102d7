package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/internal/ecs/why"
)

// PathEvents answers the state changes of tasks and container instances.
const PathEvents = "/_berth/events"

// EventQuery says which events GET /_berth/events answers.
type EventQuery struct {
	After   uint64 // number of the last one that was read
	Last    int    // when it isn't 0: not after After, but the newest so many of all
	Cluster string // name; empty: of all
	Task    string // id, or how it begins; empty: of all, and of container instances
	// Wait is how long to wait when there is none.
	Wait time.Duration
}

// Events are the answer of GET /_berth/events.
type Events struct {
	Events []NumberedEvent `json:"events"`
	Next   uint64          `json:"next"` // what to give as After to go on
	More   bool            `json:"more"` // there are more now
}

// NumberedEvent is an event as EventBridge delivers it, and its number here.
type NumberedEvent struct {
	Number uint64         `json:"number"`
	Event  jsontext.Value `json:"event"`
}

// Chronicle answers what has happened. The control plane implements it.
type Chronicle interface {
	Events(ctx context.Context, q EventQuery) (Events, error)
	// Why explains the task that a name means, or a launch that found no room: ErrNotFound when there is neither.
	Why(ctx context.Context, cluster, name string) (why.Explanation, error)
}

// longestWait bounds EventQuery.Wait.
const longestWait = 30 * time.Second

// EventsHandler answers GET /_berth/events. The caller has checked the signature and that the caller owns this Berth.
func EventsHandler(c Chronicle) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			answer(w, http.StatusMethodNotAllowed, Failure{"GET answers here"})
			return
		}
		q, err := readEventQuery(r.URL.Query())
		if err != nil {
			answer(w, http.StatusBadRequest, Failure{err.Error()})
			return
		}
		events, err := c.Events(r.Context(), q)
		reply(w, events, err)
	})
}

// PathWhy explains a task.
const PathWhy = "/_berth/why"

// WhyHandler answers GET /_berth/why. The caller has checked the signature and that the caller owns this Berth.
func WhyHandler(c Chronicle) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			answer(w, http.StatusMethodNotAllowed, Failure{"GET answers here"})
			return
		}
		query := r.URL.Query()
		explanation, err := c.Why(r.Context(), query.Get("cluster"), query.Get("name"))
		reply(w, explanation, err)
	})
}

func (q EventQuery) values() url.Values {
	return url.Values{"after": {strconv.FormatUint(q.After, 10)}, "last": {strconv.Itoa(q.Last)}, "cluster": {q.Cluster}, "task": {q.Task}, "wait": {q.Wait.String()}}
}

func readEventQuery(v url.Values) (q EventQuery, err error) {
	q.Cluster, q.Task = v.Get("cluster"), v.Get("task")
	if s := v.Get("after"); s != "" {
		if q.After, err = strconv.ParseUint(s, 10, 63); err != nil {
			return q, fmt.Errorf("after=%s is no number of an event", s)
		}
	}
	if s := v.Get("last"); s != "" {
		if q.Last, err = strconv.Atoi(s); err != nil || q.Last < 0 {
			return q, fmt.Errorf("last=%s is no number of events", s)
		}
	}
	if s := v.Get("wait"); s != "" {
		if q.Wait, err = time.ParseDuration(s); err != nil {
			return q, fmt.Errorf("wait=%s is no duration", s)
		}
	}
	q.Wait = min(max(q.Wait, 0), longestWait)
	return q, nil
}

// Why asks why a task is as it is.
func (c *Client) Why(ctx context.Context, cluster, name string) (why.Explanation, error) {
	var explanation why.Explanation
	return explanation, c.ask(ctx, http.MethodGet, PathWhy+"?"+url.Values{"cluster": {cluster}, "name": {name}}.Encode(), &explanation)
}

// Events asks for state changes.
func (c *Client) Events(ctx context.Context, q EventQuery) (Events, error) {
	var events Events
	return events, c.ask(ctx, http.MethodGet, PathEvents+"?"+q.values().Encode(), &events)
}
