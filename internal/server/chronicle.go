package server

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/operator"
)

// eventsPage is how many events one answer has at most.
const eventsPage = 500

// Events answers what the operator asks of the state changes.
func (s *Server) Events(ctx context.Context, q operator.EventQuery) (operator.Events, error) {
	after := q.After
	if q.Last > 0 {
		after = s.ECS.LastEvent() - min(uint64(q.Last), s.ECS.LastEvent())
	}
	ctx, cancel := context.WithTimeout(ctx, q.Wait+time.Minute)
	defer cancel()
	enough := time.After(q.Wait)
	for {
		recorded := s.ECS.EventsRecorded()
		found, next, err := s.ECS.Events(ctx, ecs.EventQuery{After: after, Limit: eventsPage, Cluster: q.Cluster, Task: q.Task})
		if err != nil {
			return operator.Events{}, err
		}
		out := operator.Events{Events: []operator.NumberedEvent{}, Next: next, More: next < s.ECS.LastEvent() && next != after}
		for _, e := range found {
			text, err := json.Marshal(e.Event)
			if err != nil {
				return operator.Events{}, err
			}
			out.Events = append(out.Events, operator.NumberedEvent{Number: e.Number, Event: text})
		}
		if len(found) > 0 || out.More || q.Wait == 0 {
			return out, nil
		}
		after = next
		select {
		case <-recorded:
		case <-enough:
			return out, nil
		case <-ctx.Done():
			return out, nil
		}
	}
}
