package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent/task"
	"github.com/berth-dev/berth/internal/wire/client"
)

const (
	// mostReports is how many reports the control plane takes in one frame, reportsSize how many bytes of them.
	mostReports, reportsSize = 64, 1 << 20
	// reporting is the version of the protocol from which on a control plane takes them.
	reporting = 2
	// unanswered is how long a frame of reports may be without its acknowledgement before the connection counts as broken.
	unanswered = time.Minute
)

var errUnanswered = errors.New("reports on tasks were not acknowledged")

// Submit reports a change of a task's state: task.Submit. It goes up on the open socket where it can, and else as a
// request, whose answer alone rejects it.
func (s *Session) Submit(ctx context.Context, change *ecs.SubmitTaskStateChangeRequest) error {
	change.Cluster = s.cluster()
	s.mu.Lock()
	open := s.acs
	s.mu.Unlock()
	if open != nil && open.reports != nil && open.reports.submit(ctx, change) {
		return nil
	}
	_, err := client.Call(ctx, s.Client, ecs.SubmitTaskStateChange, change)
	if refusedForGood(err) {
		return fmt.Errorf("%w: %w", task.ErrRejected, err)
	}
	return err
}

// reports are the changes of tasks' states that go up on one ACS connection, instead of one request each, to a control
// plane that offers it. One frame is on its way at a time; what comes meanwhile gathers for the next.
type reports struct {
	link     *link
	patience *time.Timer // ends the connection while a frame is on its way

	mu       sync.Mutex
	number   int // of the last frame
	onTheWay []*report
	gathered []*report
}

func newReports(l *link) *reports {
	r := &reports{link: l, patience: time.AfterFunc(unanswered, func() { l.cancel(errUnanswered) })}
	r.patience.Stop()
	return r
}

// report is one change of a task's state.
type report struct {
	body jsontext.Value
	done chan bool // gets one: whether it is recorded
}

// submit returns whether the control plane has recorded the change. If not, a request of its own will say why.
func (r *reports) submit(ctx context.Context, change *ecs.SubmitTaskStateChangeRequest) (recorded bool) {
	body, err := json.Marshal(change)
	if err != nil || len(body) > reportsSize {
		return false
	}
	one := &report{body: body, done: make(chan bool, 1)}
	r.mu.Lock()
	r.gathered = append(r.gathered, one)
	r.mu.Unlock()
	r.send()
	select {
	case recorded = <-one.done:
		return recorded
	case <-r.link.ctx.Done():
	case <-ctx.Done():
	}
	return false
}

// send sends what has gathered, when nothing is on its way.
func (r *reports) send() {
	if m := r.next(); m != nil {
		r.patience.Reset(unanswered)
		r.link.send(m)
	}
}

// next puts the next frame on its way; nil when there is none, or one is.
func (r *reports) next() *acs.BerthTaskStateChangesMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.onTheWay) > 0 || len(r.gathered) == 0 {
		return nil
	}
	m, size := &acs.BerthTaskStateChangesMessage{}, 0
	for _, one := range r.gathered {
		if size += len(one.body); len(m.Changes) == mostReports || size > reportsSize {
			break
		}
		m.Changes = append(m.Changes, one.body)
	}
	n := len(m.Changes)
	r.onTheWay, r.gathered = r.gathered[:n:n], r.gathered[n:]
	r.number++
	m.MessageId = strconv.Itoa(r.number)
	return m
}

// acknowledged takes the answer to the frame that is on its way.
func (r *reports) acknowledged(ack acs.BerthTaskStateChangesAck) {
	r.mu.Lock()
	if ack.MessageId != strconv.Itoa(r.number) || len(r.onTheWay) == 0 {
		r.mu.Unlock()
		return
	}
	r.patience.Stop()
	for i, one := range r.onTheWay {
		one.done <- !slices.Contains(ack.Unrecorded, int32(i))
	}
	r.onTheWay = nil
	r.mu.Unlock()
	r.send()
}
