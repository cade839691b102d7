package ecs

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// change is one state change as the history's journal has it: whose it is, and all that is observed of a task, without what
// its record says anyway. There are many of them, so they are written by hand in the wire format of protocol buffers, in
// which a release passes over what it doesn't know.
type change struct {
	scope   store.Scope
	cluster string
	id      string
	at      time.Time // in milliseconds, as all times here
	version int64

	task     *observed      // of a task
	instance jsontext.Value // of a container instance: it, as the API shows it
}

// observed is what changes of a task while it lives.
type observed struct {
	status                                               Status
	stop, end                                            *Stop
	connected, pullStarted, pullStopped, started, ending time.Time
	executionStopped, stopped                            time.Time
	containers                                           []Container // in the order of the task's, observed members alone
	attachments                                          []string    // statuses, in the order of the task's
}

// The numbers of the fields, which stand for ever.
const (
	fieldAccount, fieldRegion, fieldCluster, fieldID, fieldAt, fieldVersion        = 1, 2, 3, 4, 5, 6
	fieldStatus, fieldStop, fieldEnd, fieldConnected, fieldPullStarted             = 7, 8, 9, 10, 11
	fieldPullStopped, fieldStarted, fieldEnding, fieldExecutionStopped             = 12, 13, 14, 15
	fieldStopped, fieldContainer, fieldAttachment, fieldInstance                   = 16, 17, 18, 19
	stopCode, stopReason, stopAt                                                   = 1, 2, 3
	containerStatus, containerRuntime, containerDigest, containerExit, containerAs = 1, 2, 3, 4, 5
	containerBindings                                                              = 6
)

// appendTask writes the change of a task, as of now.
func appendTask(b []byte, scope store.Scope, t *Task, now time.Time) []byte {
	b = appendHead(b, scope, t.Cluster, t.ID, now, t.Version)
	b = appendString(b, fieldStatus, string(t.Status))
	b = appendStop(b, fieldStop, t.Stop)
	b = appendStop(b, fieldEnd, t.End)
	for number, at := range [...]time.Time{fieldConnected: t.ConnectedAt, fieldPullStarted: t.PullStartedAt, fieldPullStopped: t.PullStoppedAt,
		fieldStarted: t.StartedAt, fieldEnding: t.EndingAt, fieldExecutionStopped: t.ExecutionStoppedAt, fieldStopped: t.StoppedAt} {
		b = appendTime(b, protowire.Number(number), at)
	}
	for i := range t.Containers {
		b = appendContainer(b, &t.Containers[i])
	}
	for i := range t.Attachments {
		b = protowire.AppendTag(b, fieldAttachment, protowire.BytesType)
		b = protowire.AppendString(b, t.Attachments[i].Status)
	}
	return b
}

// appendInstance writes the change of a container instance.
func appendInstance(b []byte, scope store.Scope, i *Instance, shown jsontext.Value, now time.Time) []byte {
	b = appendHead(b, scope, i.Cluster, i.ID, now, i.Version)
	return appendString(b, fieldInstance, string(shown))
}

func appendHead(b []byte, scope store.Scope, cluster, id string, now time.Time, version int64) []byte {
	b = appendString(b, fieldAccount, scope.Account)
	b = appendString(b, fieldRegion, scope.Region)
	b = appendString(b, fieldCluster, cluster)
	b = appendString(b, fieldID, id)
	b = appendTime(b, fieldAt, now)
	return appendNumber(b, fieldVersion, version)
}

func appendContainer(b []byte, c *Container) []byte {
	var buf [512]byte
	in := appendString(buf[:0], containerStatus, string(c.Status))
	in = appendString(in, containerRuntime, c.RuntimeID)
	in = appendString(in, containerDigest, c.ImageDigest)
	in = appendString(in, containerAs, c.Reason)
	if c.ExitCode != nil {
		in = appendNumber(in, containerExit, int64(*c.ExitCode))
	}
	if len(c.NetworkBindings) > 0 {
		bindings, err := json.Marshal(c.NetworkBindings)
		if err == nil { // strings and numbers: there is nothing to fail
			in = appendString(in, containerBindings, string(bindings))
		}
	}
	b = protowire.AppendTag(b, fieldContainer, protowire.BytesType)
	return protowire.AppendBytes(b, in)
}

func appendStop(b []byte, number protowire.Number, s *Stop) []byte {
	if s == nil {
		return b
	}
	in := appendString(nil, stopCode, string(s.Code))
	in = appendTime(appendString(in, stopReason, s.Reason), stopAt, s.At)
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), in)
}

func appendString(b []byte, number protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), s)
}

func appendNumber(b []byte, number protowire.Number, n int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), protowire.EncodeZigZag(n))
}

func appendTime(b []byte, number protowire.Number, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return appendNumber(b, number, t.UnixMilli())
}

var errChange = errors.New("a state change in the history is damaged")

// field is one field of a message: a number or a text.
type field struct {
	number protowire.Number
	n      int64
	text   []byte
}

func (f field) time() time.Time { return time.UnixMilli(f.n).UTC() }

// eachField calls fn with the fields of a message, those of other kinds left out.
func eachField(b []byte, fn func(field) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errChange
		}
		b = b[n:]
		f := field{number: number}
		switch kind {
		case protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			f.n = protowire.DecodeZigZag(v)
		case protowire.BytesType:
			f.text, n = protowire.ConsumeBytes(b)
		default:
			if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
				return errChange
			}
			b = b[n:]
			continue
		}
		if n < 0 {
			return errChange
		}
		if err := fn(f); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// readChange reads what appendTask and appendInstance wrote.
func readChange(b []byte) (c change, err error) {
	var o observed
	err = eachField(b, func(f field) (err error) {
		switch f.number {
		case fieldAccount:
			c.scope.Account = string(f.text)
		case fieldRegion:
			c.scope.Region = string(f.text)
		case fieldCluster:
			c.cluster = string(f.text)
		case fieldID:
			c.id = string(f.text)
		case fieldAt:
			c.at = f.time()
		case fieldVersion:
			c.version = f.n
		case fieldInstance:
			c.instance = jsontext.Value(f.text)
		default:
			return o.read(f)
		}
		return nil
	})
	if o.status != "" {
		c.task = &o
	}
	if err == nil && (c.id == "" || c.task == nil && c.instance == nil) {
		err = errChange
	}
	return c, err
}

func (o *observed) read(f field) (err error) {
	switch f.number {
	case fieldStatus:
		o.status = Status(f.text)
	case fieldStop:
		o.stop, err = readStop(f.text)
	case fieldEnd:
		o.end, err = readStop(f.text)
	case fieldConnected:
		o.connected = f.time()
	case fieldPullStarted:
		o.pullStarted = f.time()
	case fieldPullStopped:
		o.pullStopped = f.time()
	case fieldStarted:
		o.started = f.time()
	case fieldEnding:
		o.ending = f.time()
	case fieldExecutionStopped:
		o.executionStopped = f.time()
	case fieldStopped:
		o.stopped = f.time()
	case fieldContainer:
		c, err := readContainer(f.text)
		o.containers = append(o.containers, c)
		return err
	case fieldAttachment:
		o.attachments = append(o.attachments, string(f.text))
	}
	return err
}

func readStop(b []byte) (*Stop, error) {
	s := &Stop{}
	return s, eachField(b, func(f field) error {
		switch f.number {
		case stopCode:
			s.Code = api.TaskStopCode(f.text)
		case stopReason:
			s.Reason = string(f.text)
		case stopAt:
			s.At = f.time()
		}
		return nil
	})
}

func readContainer(b []byte) (c Container, err error) {
	err = eachField(b, func(f field) error {
		switch f.number {
		case containerStatus:
			c.Status = Status(f.text)
		case containerRuntime:
			c.RuntimeID = string(f.text)
		case containerDigest:
			c.ImageDigest = string(f.text)
		case containerExit:
			c.ExitCode = new(int32(f.n))
		case containerAs:
			c.Reason = string(f.text)
		case containerBindings:
			return json.Unmarshal(f.text, &c.NetworkBindings)
		}
		return nil
	})
	return c, err
}

// of is the task as it was after the change. t is its record at any later time.
func (o *observed) of(t *Task, version int64) *Task {
	then := t.clone()
	then.Status, then.Stop, then.End, then.Version = o.status, o.stop, o.end, version
	then.ConnectedAt, then.PullStartedAt, then.PullStoppedAt = o.connected, o.pullStarted, o.pullStopped
	then.StartedAt, then.EndingAt, then.ExecutionStoppedAt, then.StoppedAt = o.started, o.ending, o.executionStopped, o.stopped
	for i := range min(len(then.Containers), len(o.containers)) {
		c, was := &then.Containers[i], &o.containers[i]
		c.Status, c.RuntimeID, c.ImageDigest, c.ExitCode = was.Status, was.RuntimeID, was.ImageDigest, was.ExitCode
		c.Reason, c.NetworkBindings = was.Reason, was.NetworkBindings
	}
	for i := range min(len(then.Attachments), len(o.attachments)) {
		then.Attachments[i].Status = o.attachments[i]
	}
	return then
}

// sameEvent tells whether nothing is different of what an event about the task would say: its health and its tags are in none.
func sameEvent(a, b *Task) bool {
	if a.Status != b.Status || !a.ConnectedAt.Equal(b.ConnectedAt) || !a.PullStartedAt.Equal(b.PullStartedAt) ||
		!a.PullStoppedAt.Equal(b.PullStoppedAt) || !a.StartedAt.Equal(b.StartedAt) || !a.EndingAt.Equal(b.EndingAt) ||
		!a.ExecutionStoppedAt.Equal(b.ExecutionStoppedAt) || !a.StoppedAt.Equal(b.StoppedAt) ||
		(a.Stop == nil) != (b.Stop == nil) || (a.End == nil) != (b.End == nil) ||
		len(a.Containers) != len(b.Containers) || len(a.Attachments) != len(b.Attachments) {
		return false
	}
	for i := range a.Containers {
		x, y := &a.Containers[i], &b.Containers[i]
		if x.Status != y.Status || x.RuntimeID != y.RuntimeID || x.ImageDigest != y.ImageDigest || x.Reason != y.Reason ||
			(x.ExitCode == nil) != (y.ExitCode == nil) || len(x.NetworkBindings) != len(y.NetworkBindings) {
			return false
		}
	}
	for i := range a.Attachments {
		if a.Attachments[i].Status != b.Attachments[i].Status {
			return false
		}
	}
	return true
}
