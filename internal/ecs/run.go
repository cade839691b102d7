package ecs

import (
	"context"
	"sync"

	"github.com/berth-dev/berth/internal/store"
)

// Run takes the lead in placing and closing tasks and does so until ctx ends. The store has been started. RunTask waits
// until it has begun.
func (s *Service) Run(ctx context.Context) error {
	leader, err := s.db.Lead(ctx, "ecs")
	if err != nil {
		return err
	}
	s.lead.Store(leader)
	var work sync.WaitGroup
	work.Go(func() { s.placer.run(ctx) })
	work.Go(func() { newReconciler(s, leader).run(ctx) })
	work.Wait()
	return context.Cause(ctx)
}

// leader is what placements and closings are committed by. It is there once the placer is ready.
func (s *Service) leader() store.Updater { return s.lead.Load() }
