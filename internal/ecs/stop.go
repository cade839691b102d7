package ecs

import (
	"github.com/berth-dev/berth/internal/store"
)

// StopTx orders a task to stop, as part of the transaction. One that is gone, or is stopping already, stays as it is.
func (s *Service) StopTx(tx *store.Tx, scope store.Scope, id string, why Stop) error {
	t, ok := s.Tasks.GetTx(tx, scope, id)
	if !ok || t.Ending() || !t.Status.Live() {
		return nil
	}
	return s.Tasks.Put(tx, scope, id, t.stopped(&why))
}

// hurried is a task that was ordered to stop, which it does now without waiting for its connections.
func (t *Task) hurried() *Task {
	told, order := *t, *t.Stop
	order.Now = true
	told.Stop = &order
	return &told
}

// stopped is the task with the order to stop.
func (t *Task) stopped(order *Stop) *Task {
	told := *t
	told.Stop = order
	told.Version++
	return &told
}
