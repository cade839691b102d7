package logs

import (
	"cmp"
	"context"
	"slices"

	api "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// CreateLogStream makes a stream in a group.
func (s *Service) CreateLogStream(ctx context.Context, in *api.CreateLogStreamRequest) (*schema.Empty, error) {
	g, err := s.group(ctx, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	return nil, answer(s.journal.CreateStream(ctx, g.Journal, in.LogStreamName, s.millis()))
}

// DeleteLogStream deletes a stream with its events.
func (s *Service) DeleteLogStream(ctx context.Context, in *api.DeleteLogStreamRequest) (*schema.Empty, error) {
	g, err := s.group(ctx, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	return nil, answer(s.journal.DeleteStream(ctx, g.Journal, in.LogStreamName))
}

// DescribeLogStreams lists the streams of a group by name or by the time of their latest event.
func (s *Service) DescribeLogStreams(ctx context.Context, in *api.DescribeLogStreamsRequest) (*api.DescribeLogStreamsResponse, error) {
	name, err := eitherName(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy == api.OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != "" {
		return nil, wire.Errorf(api.InvalidParameterException, "Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	g, err := s.group(ctx, name)
	if err != nil {
		return nil, err
	}
	after, err := readStreamToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := int(deref(in.Limit))
	if limit == 0 {
		limit = describeLimit
	}
	order := compareNames
	if byTime {
		order = compareTimes
	}
	if deref(in.Descending) {
		order = reverse(order)
	}
	streams, more, err := s.page(ctx, g.Journal, in.LogStreamNamePrefix, after, limit, order, byTime || deref(in.Descending))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeLogStreamsResponse{LogStreams: []api.LogStream{}}
	for _, stream := range streams {
		out.LogStreams = append(out.LogStreams, describeStream(scopeOf(ctx), name, stream))
	}
	if more {
		out.NextToken = streamToken(streams[limit-1])
	}
	return out, nil
}

// page returns up to limit streams that come after one, in an order. In any order but the journal's own, that of names, it
// looks at all streams and holds no more than two pages of them.
func (s *Service) page(ctx context.Context, group journal.GroupID, prefix string, after *journal.Stream, limit int,
	order func(a, b journal.Stream) int, all bool) (page []journal.Stream, more bool, err error) {
	from := ""
	if after != nil && !all {
		from = after.Name
	}
	for stream, err := range s.journal.Streams(ctx, group, prefix, from) {
		if err != nil {
			return nil, false, err
		}
		if after != nil && order(stream, *after) <= 0 {
			continue
		}
		page = append(page, stream)
		switch {
		case !all && len(page) > limit:
			return page[:limit], true, nil
		case len(page) > 2*limit:
			slices.SortFunc(page, order)
			page = page[:limit+1]
		}
	}
	slices.SortFunc(page, order)
	if len(page) > limit {
		return page[:limit], true, nil
	}
	return page, false, nil
}

func compareNames(a, b journal.Stream) int { return cmp.Compare(a.Name, b.Name) }

func compareTimes(a, b journal.Stream) int {
	return cmp.Or(cmp.Compare(a.Last, b.Last), cmp.Compare(a.Name, b.Name))
}

func reverse(order func(a, b journal.Stream) int) func(a, b journal.Stream) int {
	return func(a, b journal.Stream) int { return order(b, a) }
}

func describeStream(scope store.Scope, group string, stream journal.Stream) api.LogStream {
	described := api.LogStream{
		LogStreamName:       stream.Name,
		CreationTime:        new(stream.Created),
		UploadSequenceToken: sequenceToken(stream.Created, stream.Appended),
		Arn:                 streamARN(scope, group, stream.Name),
		StoredBytes:         new(int64(0)), // AWS no longer counts by stream
	}
	if stream.First != 0 {
		described.FirstEventTimestamp = new(stream.First)
	}
	if stream.Last != 0 {
		described.LastEventTimestamp = new(stream.Last)
	}
	if stream.Ingested != 0 {
		described.LastIngestionTime = new(stream.Ingested)
	}
	return described
}
