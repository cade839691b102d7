package ecs

import (
	"context"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// StopPlacing ends placing for good. When it returns, every task there will ever be is in the store: what was on its way is committed,
// what comes is refused.
func (s *Service) StopPlacing() {
	s.placer.launching.Lock()
	defer s.placer.launching.Unlock()
	s.placer.shut = true
}

// StopAll orders every task of every cluster to stop that was not told to yet, without waiting for connections to drain, and returns the tasks that
// still live: for the end of a program that owns the machine its tasks run on.
func (s *Service) StopAll(ctx context.Context, reason string) (live []store.Row[Task], err error) {
	var running []store.Row[Task]
	for instance := range s.Instances.All() {
		for row := range s.Tasks.Find(instance.Scope, LiveByInstance, instance.ID) {
			live = append(live, row)
			if !row.Value.Ending() || row.Value.drains() {
				running = append(running, row)
			}
		}
	}
	order := &Stop{Code: api.TaskStopCodeUserInitiated, Reason: reason, At: time.Now().UTC(), Now: true}
	_, err = store.UpdateEach(ctx, s.db, running, func(tx *store.Tx, row store.Row[Task]) error {
		task, ok := s.Tasks.GetTx(tx, row.Scope, row.ID)
		switch {
		case !ok:
			return nil
		case !task.Ending():
			return s.Tasks.Put(tx, row.Scope, row.ID, task.stopped(order))
		case task.drains():
			return s.Tasks.Put(tx, row.Scope, row.ID, task.hurried())
		}
		return nil
	})
	return live, err
}
