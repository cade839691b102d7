package ecs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/store"
)

// Event is a state change as EventBridge delivers it.
type Event struct {
	Version    string         `json:"version"` // of the envelope: "0"
	ID         string         `json:"id"`      // of the change: a change that is recorded twice has the same
	DetailType string         `json:"detail-type"`
	Source     string         `json:"source"`
	Account    string         `json:"account"`
	Time       string         `json:"time"` // in seconds
	Region     string         `json:"region"`
	Resources  []string       `json:"resources"`
	Detail     jsontext.Value `json:"detail"`
}

// The detail types.
const (
	TaskStateChange     = "ECS Task State Change"
	InstanceStateChange = "ECS Container Instance State Change"
)

// NumberedEvent is an event and the number by which reading goes on after it.
type NumberedEvent struct {
	Number uint64 `json:"number"`
	Event  Event  `json:"event"`
}

// EventQuery selects events. Empty members select all.
type EventQuery struct {
	After   uint64 // number of the last one read
	Limit   int    // how many to return, at most
	Cluster string // name
	Task    string // id, or how it begins
}

// eventsRead is how many changes are looked at for one answer, so that one who wants few of many doesn't wait long.
const eventsRead = 20_000

// Events are the recorded state changes of all accounts and regions, in order. next is what to give as After to go on, also
// when none was selected. What changed while nothing was recorded is one change; it may be a second time the last one, under the
// same id.
func (s *Service) Events(ctx context.Context, q EventQuery) (events []NumberedEvent, next uint64, err error) {
	next = q.After
	if s.config.History == nil {
		return nil, next, nil
	}
	looked := 0
	for stored, err := range s.config.History.Changes(ctx, q.After) {
		if err != nil {
			return nil, next, fmt.Errorf("read the state changes: %w", err)
		}
		if looked++; len(events) == q.Limit || looked > eventsRead {
			break
		}
		next = stored.Number
		c, err := readChange(stored.Value)
		if err != nil {
			return nil, next, err
		}
		if q.Cluster != "" && c.cluster != q.Cluster || q.Task != "" && (c.task == nil || !strings.HasPrefix(c.id, q.Task)) {
			continue
		}
		event, ok, err := s.eventOf(ctx, &c)
		if err != nil {
			return nil, next, err
		}
		if ok {
			events = append(events, NumberedEvent{stored.Number, event})
		}
	}
	return events, next, nil
}

// LastEvent is the number of the newest state change.
func (s *Service) LastEvent() uint64 {
	if s.config.History == nil {
		return 0
	}
	return s.config.History.LastChange()
}

// EventsRecorded returns what is closed when there are more events than there were at the call.
func (s *Service) EventsRecorded() <-chan struct{} { return s.changes.rung() }

// eventOf is the event of a change. ok is false when its task was forgotten, which a reset does.
func (s *Service) eventOf(ctx context.Context, c *change) (e Event, ok bool, err error) {
	e = Event{Version: "0", DetailType: InstanceStateChange, Source: "aws.ecs", Account: c.scope.Account, Region: c.scope.Region,
		Time: c.at.Format(time.RFC3339), Resources: []string{InstanceARN(c.scope, c.cluster, c.id)}, Detail: c.instance}
	if c.task != nil {
		t, err := s.TaskRecord(ctx, c.scope, c.id)
		if err != nil || t == nil {
			return e, false, err
		}
		e.DetailType, e.Resources = TaskStateChange, []string{TaskARN(c.scope, c.cluster, c.id)}
		if e.Detail, err = taskDetail(c.scope, c.task.of(t, c.version), c.at); err != nil {
			return e, false, err
		}
	}
	e.ID = uuid.NewSHA1(uuid.NameSpaceURL, fmt.Append(nil, e.Resources[0], "/", c.version)).String()
	return e, true, nil
}

// taskDetail is what the event of a task says: what DescribeTasks does, but for its health and its tags.
func taskDetail(scope store.Scope, t *Task, at time.Time) (jsontext.Value, error) {
	d := struct {
		api.Task
		UpdatedAt schema.Time `json:"updatedAt"`
	}{describeTask(scope, t, false), schema.At(at)}
	d.HealthStatus, d.Tags = "", nil
	for i := range d.Containers {
		d.Containers[i].HealthStatus = ""
	}
	for i := range d.Attachments {
		if a := &d.Attachments[i]; a.Type == "ElasticNetworkInterface" {
			a.Type = "eni"
		}
	}
	return inEvents(d)
}

// instanceDetail is what the event of a container instance says.
func (s *Service) instanceDetail(scope store.Scope, i *Instance, at time.Time) (jsontext.Value, error) {
	d := struct {
		api.ContainerInstance
		ClusterARN string      `json:"clusterArn"`
		UpdatedAt  schema.Time `json:"updatedAt"`
	}{s.describeInstance(scope, i), ClusterARN(scope, i.Cluster), schema.At(at)}
	d.Tags = nil
	return inEvents(d)
}

// inEvents encodes what an event says: with times in ISO 8601.
func inEvents(detail any) (jsontext.Value, error) {
	return json.Marshal(detail, json.Deterministic(true), json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, t schema.Time) error {
		return enc.WriteToken(jsontext.String(t.UTC().Format("2006-01-02T15:04:05.000Z")))
	})))
}
