package ecs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// Run takes the lead in placing and closing tasks and does so until ctx ends. The store has been started. RunTask waits
// until it has begun. When another takes the lead, Run ends with [store.ErrFenced]: what was known of the machines is the
// other's to know from there on.
//
// What is given runs beside, under the same lead, until its ctx ends.
func (s *Service) Run(ctx context.Context, beside ...func(ctx context.Context, leader *store.Leader)) error {
	leader, err := s.takeLead(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.lead.Store(leader)
	var work sync.WaitGroup
	work.Go(func() { s.placer.run(ctx) })
	work.Go(func() { newReconciler(s, leader).run(ctx) })
	work.Go(func() { newDeletions(s, leader).run(ctx) })
	ended := newEndings()
	recorder := &recorder{service: s, history: s.config.History, ended: ended}
	work.Go(func() { recorder.run(ctx) })
	mover := &mover{service: s, leader: leader, history: s.config.History, ended: ended, recorded: recorder.recorded.Load}
	work.Go(func() { mover.run(ctx) })
	for _, run := range beside {
		work.Go(func() { run(ctx, leader) })
	}
	select {
	case <-ctx.Done():
	case <-leader.Deposed():
		cancel(fmt.Errorf("the lead in ecs is lost: %w", store.ErrFenced))
	}
	work.Wait()
	return context.Cause(ctx)
}

// The shortest and longest time between two tries to take the lead.
const (
	firstLeadRetry = 50 * time.Millisecond
	lastLeadRetry  = 5 * time.Second
)

// takeLead tries until it leads: a disk that is full at the start may have room later.
func (s *Service) takeLead(ctx context.Context) (*store.Leader, error) {
	for wait := firstLeadRetry; ; wait = min(2*wait, lastLeadRetry) {
		leader, err := s.db.Lead(ctx, "ecs")
		switch {
		case err == nil:
			return leader, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, store.ErrClosed):
			return nil, err
		}
		s.log.Error("no task is placed: the lead could not be taken, and will be tried for again", "wait", wait, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// leader is what placements and closings are committed by. It is there once the placer is ready.
func (s *Service) leader() store.Updater { return s.lead.Load() }
