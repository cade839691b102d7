package task

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent/db"
)

// atOnce is how many tasks report at the same time.
const atOnce = 16

// outbox sends reports: those of a task in order, of several tasks at once, each until the control plane has
// acknowledged it, however long that takes. All of them are on disk before they come here.
type outbox struct {
	ctx    context.Context
	submit Submit
	db     *db.DB
	log    *slog.Logger
	slots  chan struct{}
	wg     sync.WaitGroup

	mu     sync.Mutex
	queues map[string]*queue // by task
	retry  chan struct{}     // closed and replaced when waiting is no longer worth it
}

// queue is the reports of one task. Its goroutine lives while there are any.
type queue struct {
	reports      []db.Report
	acknowledged chan struct{} // closed after the last report of the task
}

func newOutbox(ctx context.Context, submit Submit, d *db.DB, log *slog.Logger) *outbox {
	return &outbox{ctx: ctx, submit: submit, db: d, log: log, slots: make(chan struct{}, atOnce),
		queues: map[string]*queue{}, retry: make(chan struct{})}
}

// add sends a task's reports after those it sent before. acknowledged is closed after the task's last one.
func (o *outbox) add(acknowledged chan struct{}, reports ...db.Report) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := reports[0].Task
	if q := o.queues[id]; q != nil {
		q.reports = append(q.reports, reports...)
		return
	}
	q := &queue{reports: reports, acknowledged: acknowledged}
	o.queues[id] = q
	o.wg.Go(func() { o.send(id, q) })
}

// hurry has all that wait for their next try try now: the control plane is there again.
func (o *outbox) hurry() {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.retry)
	o.retry = make(chan struct{})
}

// send empties a queue.
func (o *outbox) send(id string, q *queue) {
	for {
		o.mu.Lock()
		if len(q.reports) == 0 {
			delete(o.queues, id)
			o.mu.Unlock()
			return
		}
		next := q.reports[0]
		o.mu.Unlock()

		if !o.deliver(next) {
			return // the agent ends; the next one reads the rest from disk
		}
		o.mu.Lock()
		q.reports = q.reports[1:]
		o.mu.Unlock()
		if next.Last {
			close(q.acknowledged)
		}
	}
}

// deliver submits one report until it is taken or rejected, and forgets it. It returns false when the agent ends.
func (o *outbox) deliver(r db.Report) bool {
	var change ecs.SubmitTaskStateChangeRequest
	if err := json.Unmarshal(r.Change, &change); err != nil {
		o.log.Error("a report cannot be read; it is dropped", "task", r.Task, "error", err)
		return o.forget(r)
	}
	for wait := backoff(250*time.Millisecond, 30*time.Second); ; {
		err := o.try(r.Identity, &change)
		switch {
		case err == nil:
			return o.forget(r)
		case o.ctx.Err() != nil:
			return false
		case errors.Is(err, ErrRejected):
			o.log.Warn("the control plane does not take a report; it is dropped", "task", r.Task, "status", change.Status, "error", err)
			return o.forget(r)
		}
		o.log.Info("a report waits for the control plane", "task", r.Task, "status", change.Status, "error", err)
		o.mu.Lock()
		retry := o.retry
		o.mu.Unlock()
		timer := time.NewTimer(wait())
		select {
		case <-timer.C:
		case <-retry:
		case <-o.ctx.Done():
		}
		timer.Stop()
	}
}

// try submits once, when one of the places is free.
func (o *outbox) try(identity string, change *ecs.SubmitTaskStateChangeRequest) error {
	select {
	case o.slots <- struct{}{}:
		defer func() { <-o.slots }()
		return o.submit(o.ctx, identity, change)
	case <-o.ctx.Done():
		return context.Cause(o.ctx)
	}
}

// forget removes a report from disk. One that stays is sent again by the next agent, which harms nobody.
func (o *outbox) forget(r db.Report) bool {
	var b db.Batch
	b.DeleteReport(r.Task, r.Sequence)
	if err := o.db.Write(o.ctx, b); err != nil && o.ctx.Err() == nil {
		o.log.Error("an acknowledged report stays on disk", "task", r.Task, "error", err)
	}
	return o.ctx.Err() == nil
}
