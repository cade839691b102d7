package ecs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// reconciler is the task reconciler: it does for tasks what agents cannot. It registers tasks with load balancers, and has
// them drained before they are stopped. It removes the network interfaces of tasks whose containers are gone, and closes
// tasks on whose fate no agent is left to report. It forgets deregistered instances.
// It runs on the leader, and all that it writes is fenced.
//
// It works by level: a change of a task, or of its instance, puts the task's key into the queue; whoever takes it out
// reads all that there is to know and does what is due. A sweep finds what only time makes due.
type reconciler struct {
	service *Service
	leader  *store.Leader
	queue   *queue[taskKey]
	since   time.Time // agents had no session to keep before

	draining draining
}

type taskKey struct {
	scope store.Scope
	id    string
}

const (
	reconcileWorkers = 32 // their commits share batches
	sweepEvery       = 5 * time.Second
)

func newReconciler(s *Service, leader *store.Leader) *reconciler {
	return &reconciler{service: s, leader: leader, queue: newQueue[taskKey](), since: time.Now()}
}

// run reconciles until ctx ends.
func (r *reconciler) run(ctx context.Context) {
	instances, instanceEvents := r.service.Instances.Watch(ctx)
	tasks, taskEvents := r.service.Tasks.Watch(ctx)
	var workers sync.WaitGroup
	for range reconcileWorkers {
		workers.Go(func() { r.work(ctx) })
	}
	following, stop := context.WithCancel(ctx)
	workers.Go(func() { r.followDraining(following) })
	defer workers.Wait()
	defer r.queue.close()
	defer stop()
	for _, row := range tasks {
		r.draining.note(row)
		r.changed(row)
	}
	for _, row := range instances {
		r.instanceChanged(row.Scope, row.ID, row.Value)
	}
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case e, ok := <-taskEvents:
			if !ok {
				return
			}
			if e.New != nil {
				r.draining.note(*e.New)
				r.changed(*e.New)
			}
		case e, ok := <-instanceEvents:
			switch {
			case !ok:
				return
			case e.New != nil:
				r.instanceChanged(e.New.Scope, e.New.ID, e.New.Value)
			default:
				r.instanceChanged(e.Old.Scope, e.Old.ID, nil)
			}
		case now := <-sweep.C:
			r.sweep(ctx, now)
			r.lookAtDraining()
		case <-ctx.Done():
			return
		}
	}
}

// changed queues a task that may be due: those that agents go on reporting are not, and they are the most.
func (r *reconciler) changed(row store.Row[Task]) {
	if _, due := r.due(row.Scope, row.Value, time.Now()); due {
		r.queue.add(taskKey{row.Scope, row.ID})
	}
}

// instanceChanged queues the tasks of an instance without a session. i is nil for one that is gone.
func (r *reconciler) instanceChanged(scope store.Scope, id string, i *Instance) {
	if i != nil && r.service.connected(i) {
		return
	}
	for row := range r.service.Tasks.Find(scope, LiveByInstance, id) {
		r.changed(row)
	}
}

func (r *reconciler) work(ctx context.Context) {
	for {
		key, ok := r.queue.take()
		if !ok {
			return
		}
		err := r.reconcile(ctx, key)
		switch {
		case err == nil || ctx.Err() != nil || errors.Is(err, store.ErrFenced) || errors.Is(err, store.ErrClosed):
			r.queue.done(key)
		default:
			r.service.log.Error("a task could not be reconciled, and will be tried again", "task", key.id, "error", err)
			r.queue.retry(key)
		}
	}
}

// reconcile does what is due for one task, if it still is.
func (r *reconciler) reconcile(ctx context.Context, key taskKey) error {
	s := r.service
	return r.leader.Update(ctx, func(tx *store.Tx) error {
		old, ok := s.Tasks.GetTx(tx, key.scope, key.id)
		if !ok {
			return nil
		}
		now := time.Now().UTC()
		why, due := r.due(key.scope, old, now)
		if !due {
			return nil
		}
		t := old.clone()
		var err error
		switch {
		case why != nil:
			t.abandon(why, now)
			err = s.close(tx, key.scope, t, now)
		case t.Status == Deprovisioning:
			err = s.close(tx, key.scope, t, now)
		case t.registered():
			t.move(Deactivating, ByReconciler)
			err = s.deregister(tx, key.scope, t, now)
		case t.Status == Activating:
			err = s.register(tx, key.scope, t, now)
		case t.Status == Deactivating:
			t.move(Stopping, ByReconciler)
		}
		if err != nil {
			return err
		}
		t.Version++
		return s.Tasks.Put(tx, key.scope, key.id, t)
	})
}

// due tells whether there is something to do for a task. why is set for a live one that is to be closed.
func (r *reconciler) due(scope store.Scope, t *Task, now time.Time) (why *Stop, due bool) {
	if t.Status == Stopped {
		return nil, false
	}
	if t.Status.Live() {
		if why = r.orphaned(scope, t, now); why != nil {
			return why, true
		}
	}
	switch {
	case t.Status == Deprovisioning:
		due = true
	case t.registered():
		due = t.Ending()
	case t.Status == Activating:
		due = !t.Ending() && r.service.registrations(scope, t) != nil
	case t.Status == Deactivating:
		due = !t.drains() || r.service.drained(scope, t, now)
	}
	return nil, due
}

// close takes away what is left of a task that has ended: its targets and its network interface.
func (s *Service) close(tx *store.Tx, scope store.Scope, t *Task, now time.Time) error {
	if err := s.deregister(tx, scope, t, now); err != nil {
		return err
	}
	for i := range t.Attachments {
		a := &t.Attachments[i]
		if err := s.network.DeleteInterface(tx, scope, a.Interface.ID); err != nil {
			return err
		}
		a.Status = AttachmentDeleted
	}
	if t.move(Stopped, ByReconciler) {
		t.StoppedAt = now
	}
	return nil
}

// abandon ends a live task of which no agent will report any more.
func (t *Task) abandon(why *Stop, now time.Time) {
	if !t.Ending() {
		t.End = why
	}
	setOnce(&t.EndingAt, now)
	setOnce(&t.ExecutionStoppedAt, now)
	t.Containers = slices.Clone(t.Containers)
	for i := range t.Containers {
		if c := &t.Containers[i]; c.Status != Stopped {
			c.Status, c.Reason = Stopped, why.Reason
		}
	}
}
