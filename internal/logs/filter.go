package logs

import (
	"cmp"
	"context"
	"math"

	api "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/logs/pattern"
	"github.com/berth-dev/berth/internal/wire"
)

// What one FilterLogEvents looks at before it answers with what it has found and a token, as AWS does.
const (
	maxSearched      = 200_000
	maxSearchedBytes = 64 << 20
)

// FilterLogEvents reads the streams of a group merged by time, and returns the events that match a pattern.
func (s *Service) FilterLogEvents(ctx context.Context, in *api.FilterLogEventsRequest) (*api.FilterLogEventsResponse, error) {
	name, err := eitherName(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	filter, err := pattern.Parse(in.FilterPattern)
	if err != nil {
		return nil, wire.Errorf(api.InvalidParameterException, "Invalid filter pattern")
	}
	g, err := s.group(ctx, name)
	if err != nil {
		return nil, err
	}
	query, err := s.filterQuery(ctx, in, g)
	if err != nil {
		return nil, err
	}
	return s.search(ctx, g.Journal, query, filter, cmp.Or(int(deref(in.Limit)), maxEvents))
}

func (s *Service) filterQuery(ctx context.Context, in *api.FilterLogEventsRequest, g *group) (journal.Query, error) {
	query := journal.Query{Streams: in.LogStreamNames, Prefix: in.LogStreamNamePrefix}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != "" {
		return query, wire.Errorf(api.InvalidParameterException, "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
	}
	for _, stream := range in.LogStreamNames {
		if _, err := s.journal.Stream(ctx, g.Journal, stream); err != nil {
			return query, answer(err)
		}
	}
	query.After.Time = max(deref(in.StartTime), g.oldest(s.millis()))
	if in.EndTime != nil && *in.EndTime < math.MaxInt64 {
		query.Before.Time = *in.EndTime + 1 // the end is part of the range, unlike that of GetLogEvents
	}
	if in.NextToken != "" {
		at, err := readPosition(in.NextToken)
		if err != nil {
			return query, err
		}
		if query.After.Less(at) {
			query.After = at
		}
	}
	return query, nil
}

func (s *Service) search(ctx context.Context, group journal.GroupID, query journal.Query, filter pattern.Pattern, limit int) (*api.FilterLogEventsResponse, error) {
	out := &api.FilterLogEventsResponse{Events: []api.FilteredLogEvent{}, SearchedLogStreams: []api.SearchedLogStream{}}
	searched, searchedBytes, bytes := 0, 0, 0
	var last journal.Position
	for e, err := range s.journal.Scan(ctx, group, query) {
		if err != nil {
			return nil, err
		}
		matches := filter.Match(e.Message)
		if matches {
			bytes += len(e.Message) + journal.EventOverhead
		}
		full := len(out.Events) == limit || bytes > maxEventBytes && len(out.Events) > 0
		if full || searched == maxSearched || searchedBytes > maxSearchedBytes {
			out.NextToken = positionText(last)
			return out, nil
		}
		if matches {
			out.Events = append(out.Events, api.FilteredLogEvent{LogStreamName: e.Stream, Timestamp: new(e.Time), Message: e.Message,
				IngestionTime: new(e.Ingested), EventId: positionText(e.Position)})
		}
		searched, searchedBytes, last = searched+1, searchedBytes+len(e.Message), e.Position
	}
	return out, nil
}
