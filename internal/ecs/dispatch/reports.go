package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/acs"
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

const (
	// mostReports is how many reports an agent may send in one frame, which maxFrame bounds too.
	mostReports = 64
	// reporting is the version of the protocol from which on agents send them.
	reporting = 2
)

// reports are what an agent says on its socket of its tasks: many SubmitTaskStateChange in one frame. They are applied
// beside the session's loop, all of a frame at the same time, and acknowledged once they are on disk. The acknowledgement
// names those that are not, by their place in the frame: the agent asks why by the operation itself.
type reports struct {
	inHand  bool // a frame: the agent waits for its acknowledgement
	applied chan acs.BerthTaskStateChangesAck
	work    sync.WaitGroup
}

// apply takes a frame in hand.
func (s *session) apply(m acs.BerthTaskStateChangesMessage) error {
	switch {
	case s.protocol < reporting:
		return errors.New("the agent registered with a protocol that has no reports")
	case s.reports.inHand:
		return errors.New("the reports before it are not acknowledged yet")
	case len(m.Changes) > mostReports:
		return fmt.Errorf("%d reports in one frame; %d may be", len(m.Changes), mostReports)
	}
	s.reports.inHand = true
	s.reports.work.Go(func() {
		ack := acs.BerthTaskStateChangesAck{MessageId: m.MessageId, Unrecorded: s.applyAll(m.Changes)}
		select {
		case s.reports.applied <- ack:
		case <-s.ctx.Done():
		}
	})
	return nil
}

// applyAll returns the places of those that are not recorded.
func (s *session) applyAll(changes []jsontext.Value) (unrecorded []int32) {
	var (
		mu   sync.Mutex
		work sync.WaitGroup
	)
	for i, change := range changes {
		work.Go(func() {
			err := s.applyReport(s.ctx, change)
			if err == nil {
				return
			}
			s.log.Debug("a report was not recorded", "error", err)
			mu.Lock()
			defer mu.Unlock()
			unrecorded = append(unrecorded, int32(i))
		})
	}
	work.Wait()
	return unrecorded
}

func (s *session) applyReport(ctx context.Context, change jsontext.Value) error {
	var r api.SubmitTaskStateChangeRequest
	if err := json.Unmarshal(change, &r); err != nil {
		return fmt.Errorf("decode a report: %w", err)
	}
	task := lastPart(r.Task)
	if row, ok := s.d.Tables.Tasks.Get(s.key.scope, task); ok && row.Value.Instance != s.key.instance {
		return fmt.Errorf("task %s is another instance's", task)
	}
	return s.d.Observer.ApplyTaskReport(ctx, s.key.scope, task, ecs.ReportOf(&r))
}
