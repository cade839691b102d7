package logs

import (
	"cmp"
	"context"
	"math"
	"slices"

	api "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/logs/journal"
)

// What one answer holds at most.
const (
	maxEvents     = 10_000
	maxEventBytes = 1 << 20
)

// GetLogEvents reads one stream. Without a token it begins at the latest events, or at the earliest with startFromHead; either
// way they come in order of time. Its tokens point between events: at the end of the stream the forward token stays as it
// is until more come.
func (s *Service) GetLogEvents(ctx context.Context, in *api.GetLogEventsRequest) (*api.GetLogEventsResponse, error) {
	name, err := eitherName(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	g, err := s.group(ctx, name)
	if err != nil {
		return nil, err
	}
	stream, err := s.journal.Stream(ctx, g.Journal, in.LogStreamName)
	if err != nil {
		return nil, answer(err)
	}
	query := journal.Query{Streams: []string{in.LogStreamName}, Backward: !deref(in.StartFromHead)}
	query.After.Time = max(deref(in.StartTime), g.oldest(s.millis()))
	if in.EndTime != nil {
		query.Before.Time = max(*in.EndTime, 1)
	}
	at := journal.Position{Time: query.After.Time, Stream: stream.ID}
	if in.NextToken != "" {
		if at, query.Backward, err = readEventsToken(in.NextToken); err != nil {
			return nil, err
		}
		if query.Backward && (query.Before == journal.Position{} || at.Less(query.Before)) {
			query.Before = at
		} else if !query.Backward && query.After.Less(at) {
			query.After = at
		}
	}
	events, err := s.take(ctx, g.Journal, query, int(deref(in.Limit)))
	if err != nil {
		return nil, err
	}
	out := &api.GetLogEventsResponse{Events: make([]api.OutputLogEvent, len(events))}
	for i, e := range events {
		out.Events[i] = api.OutputLogEvent{Timestamp: new(e.Time), Message: e.Message, IngestionTime: new(e.Ingested)}
	}
	out.NextForwardToken, out.NextBackwardToken = around(events, at, query.Backward && in.NextToken != "")
	return out, nil
}

// take reads one answer's worth of events, in order of time whichever way they are read.
func (s *Service) take(ctx context.Context, group journal.GroupID, query journal.Query, limit int) ([]journal.Event, error) {
	limit = cmp.Or(limit, maxEvents)
	var events []journal.Event
	bytes := 0
	for e, err := range s.journal.Scan(ctx, group, query) {
		if err != nil {
			return nil, err
		}
		if bytes += len(e.Message) + journal.EventOverhead; bytes > maxEventBytes && len(events) > 0 {
			break
		}
		if events = append(events, e); len(events) == limit {
			break
		}
	}
	if query.Backward {
		slices.Reverse(events)
	}
	return events, nil
}

// around returns the tokens that lead on from a page. An empty page leaves them where it was asked for: at is the position
// after which, or when backward before which, it looked.
func around(events []journal.Event, at journal.Position, backward bool) (forward, back string) {
	if n := len(events); n > 0 {
		return forwardToken(events[n-1].Position), backwardToken(events[0].Position)
	}
	// The other direction must not leave out the event at the position itself.
	if backward {
		before := at
		if before.Seq > 0 {
			before.Seq--
		}
		return forwardToken(before), backwardToken(at)
	}
	after := at
	if after.Seq < math.MaxUint64 {
		after.Seq++
	}
	return forwardToken(at), backwardToken(after)
}
