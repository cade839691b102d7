package service

import (
	"context"
	"sync"

	"github.com/berth-dev/berth/internal/store"
)

// Run schedules services until ctx ends, under the lead of the ECS service: give it to ecs.Service.Run. Another's transactions
// are fenced off from the moment that the lead is lost.
func (s *Scheduler) Run(ctx context.Context, leader *store.Leader) {
	var work sync.WaitGroup
	sweeper := &sweeper{s, leader}
	work.Go(func() { sweeper.run(ctx) })
	work.Go(func() { newLoop(s, leader).run(ctx) })
	work.Wait()
}
