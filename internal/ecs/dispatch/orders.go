package dispatch

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/api/acs"
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

const (
	// An agent acknowledges a payload whole or, when one of its tasks makes no sense to it, not at all: few tasks share
	// one, and none once it had to be repeated.
	perPayload = 8
	// underWay is how many payloads may wait for their acknowledgement at a time.
	underWay = 16
)

// orders are the tasks of a session and what the agent has been told of each.
type orders struct {
	tasks map[string]*order
	// waiting are the orders that are still to be sent, first come first served.
	waiting []*order
	sent    []*payload
}

// order is what the agent should know of one task.
type order struct {
	task    string
	desired api.DesiredStatus // empty once the task is no longer the agent's
	told    api.DesiredStatus // acknowledged; empty: nothing yet
	payload *payload          // carries the desired status and waits to be acknowledged
	queued  bool              // it is in waiting
	after   time.Time         // not to be sent before
	tries   int
}

// payload is a PayloadMessage that was sent.
type payload struct {
	message string
	orders  []*order
	repeats bool
	again   time.Time // given up then, and its orders sent anew
}

// look brings the order for a task up to date with its record.
func (s *session) look(task string) {
	row, ok := s.d.Tables.Tasks.Get(s.key.scope, task)
	if !ok || row.Value.Instance != s.key.instance || !row.Value.Status.Live() {
		s.orders.forget(task)
		s.keys.forget(task)
		return
	}
	s.orders.want(task, row.Value.Told(), taken(row.Value))
}

// taken tells whether an agent that comes back needs not be told of a task again: it has reported on it, and so has it on
// disk, and it is to go on as it does. One that has roles is told all the same, for with it go the credentials.
func taken(t *ecs.Task) bool {
	return !t.ConnectedAt.IsZero() && t.Told() == api.DesiredStatusRunning && t.TaskRole == "" && t.ExecutionRole == ""
}

// want is what a task should be. taken says of one that the session has not told the agent of that it knows it.
func (o *orders) want(task string, desired api.DesiredStatus, taken bool) {
	w := o.tasks[task]
	if w == nil {
		w = &order{task: task}
		if taken {
			w.told = desired
		}
		o.tasks[task] = w
	}
	if w.desired != desired {
		w.desired, w.payload, w.tries, w.after = desired, nil, 0, time.Time{}
	}
	o.queue(w)
}

func (o *orders) forget(task string) {
	if w := o.tasks[task]; w != nil {
		w.desired, w.payload = "", nil
		delete(o.tasks, task)
	}
}

// open tells whether an order is still to be sent.
func (w *order) open() bool { return w.desired != "" && w.desired != w.told && w.payload == nil }

func (o *orders) queue(w *order) {
	if w.open() && !w.queued {
		w.queued = true
		o.waiting = append(o.waiting, w)
	}
}

// acknowledged notes that the agent has a payload, and returns the tasks that it now knows to stop. A message that is
// not under way, or no longer, says nothing.
func (o *orders) acknowledged(message string) (stops []string) {
	i := slices.IndexFunc(o.sent, func(p *payload) bool { return p.message == message })
	if i < 0 {
		return nil
	}
	p := o.sent[i]
	o.sent = slices.Delete(o.sent, i, i+1)
	for _, w := range p.orders {
		if w.payload != p {
			continue // overtaken by a later order
		}
		w.told, w.payload, w.tries = w.desired, nil, 0
		if w.told == api.DesiredStatusStopped {
			stops = append(stops, w.task)
		}
	}
	return stops
}

// expire takes back what was not acknowledged in time.
func (o *orders) expire(now time.Time) {
	o.sent = slices.DeleteFunc(o.sent, func(p *payload) bool {
		if now.Before(p.again) {
			return false
		}
		for _, w := range p.orders {
			if w.payload == p {
				w.payload = nil
				w.tries++
				o.queue(w)
			}
		}
		return true
	})
}

// next takes the orders for one payload out of those that wait: stops before starts, for they make room, and new ones
// before repeated ones, which go alone and never fill all places.
func (o *orders) next(now time.Time) (batch []*order) {
	pick := func(repeated bool, desired api.DesiredStatus, most int) {
		for _, w := range o.waiting {
			if len(batch) < most && w.open() && w.desired == desired && (w.tries > 0) == repeated && !now.Before(w.after) {
				batch = append(batch, w)
			}
		}
	}
	pick(false, api.DesiredStatusStopped, perPayload)
	pick(false, api.DesiredStatusRunning, perPayload)
	if len(batch) == 0 && o.mayRepeat() {
		pick(true, api.DesiredStatusStopped, 1)
		pick(true, api.DesiredStatusRunning, 1)
	}
	for _, w := range batch {
		w.queued = false
	}
	o.waiting = slices.DeleteFunc(o.waiting, func(w *order) bool {
		w.queued = w.queued && w.open()
		return !w.queued
	})
	return batch
}

// mayRepeat keeps half of the places for orders that the agent has not refused to acknowledge before.
func (o *orders) mayRepeat() bool {
	n := 0
	for _, p := range o.sent {
		if p.repeats {
			n++
		}
	}
	return n < underWay/2
}

func (o *orders) due() (due time.Time) {
	for _, p := range o.sent {
		due = earliest(due, p.again)
	}
	if len(o.sent) == underWay {
		return due
	}
	repeat := o.mayRepeat()
	for _, w := range o.waiting {
		if w.open() && (repeat || w.tries == 0) {
			due = earliest(due, w.after)
		}
	}
	return due
}

// sendOrders sends as many payloads as may be under way.
func (s *session) sendOrders(now time.Time) {
	s.orders.expire(now)
	for len(s.orders.sent) < underWay && s.ctx.Err() == nil {
		batch := s.orders.next(now)
		if len(batch) == 0 {
			return
		}
		s.sendPayload(batch, now)
	}
}

func (s *session) sendPayload(batch []*order, now time.Time) {
	m := acs.PayloadMessage{
		ClusterArn: s.clusterARN, ContainerInstanceArn: s.selfARN, MessageId: uuid.NewString(), GeneratedAt: now.UnixMilli(),
	}
	p := &payload{message: m.MessageId, repeats: batch[0].tries > 0, again: now.Add(patience(batch[0].tries))}
	for _, w := range batch {
		task, err := s.taskOf(w.task, now)
		if err != nil { // its credentials can't be issued, its definition can't be read: perhaps later
			s.log.Error("a task can't be handed to its agent", "task", w.task, "error", err)
			w.after = now.Add(patience(w.tries))
			w.tries++
			s.orders.queue(w)
			continue
		}
		w.payload = p
		p.orders = append(p.orders, w)
		m.Tasks = append(m.Tasks, task)
	}
	if len(m.Tasks) == 0 {
		return
	}
	number, err := s.sequence.next(s.ctx)
	if err != nil {
		s.cancel(err)
		return
	}
	m.SeqNum = number
	s.orders.sent = append(s.orders.sent, p)
	s.send(m)
}
