package logs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/logs/journal"
)

// sweepEvery is how often space is given back. What is expired can't be read in any case.
const sweepEvery = 10 * time.Minute

// Run sweeps the journal now and then, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("expired logs could not be removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.kick:
		}
	}
}

func (s *Service) sweepSoon() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// Sweep removes from the journal the events that their groups no longer keep, and what belongs to no group: a crash left
// it, or the store was reset.
func (s *Service) Sweep(ctx context.Context) error {
	// The journal is asked first: a group that it has and the store has not was deleted, not just made.
	kept, err := s.journal.Groups(ctx)
	if err != nil {
		return err
	}
	rows := map[journal.GroupID]*group{}
	for row := range s.groups.All() {
		rows[row.Value.Journal] = row.Value
	}
	var errs []error
	for _, id := range kept {
		if err := s.sweep(ctx, id, rows[id]); err != nil {
			errs = append(errs, fmt.Errorf("log group %v: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) sweep(ctx context.Context, id journal.GroupID, g *group) error {
	switch {
	case g == nil:
		return s.journal.DropGroup(ctx, id)
	case g.Retention != 0:
		return s.journal.Expire(ctx, id, g.oldest(s.millis()))
	}
	return nil
}
