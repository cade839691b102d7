package logs

import (
	"context"
	"errors"
	"time"

	api "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/logsource"
	"github.com/berth-dev/berth/internal/wire"
)

// What a batch may be, and how far from now its events (CloudWatch Logs quotas).
const (
	maxBatchBytes = 1 << 20
	maxBatchSpan  = 24 * time.Hour
	maxAge        = 14 * 24 * time.Hour
	maxAhead      = 2 * time.Hour
)

// PutLogEvents adds events to a stream. It answers once they are on disk.
func (s *Service) PutLogEvents(ctx context.Context, in *api.PutLogEventsRequest) (*api.PutLogEventsResponse, error) {
	if err := checkBatch(in.LogEvents); err != nil {
		return nil, err
	}
	g, err := s.group(ctx, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	now := s.millis()
	accepted, rejected := within(in.LogEvents, now, g)
	batch := journal.Batch{Now: now, Events: make([]journal.NewEvent, len(accepted))}
	for i, event := range accepted {
		batch.Events[i] = journal.NewEvent{Time: *event.Timestamp, Message: event.Message}
	}
	if fromAgent(wire.CallerOf(ctx)) {
		source, ok, err := logsource.Parse(in.SequenceToken)
		if err != nil {
			return nil, wire.Errorf(api.InvalidParameterException, "%v", err)
		}
		if ok {
			batch.Source, batch.First, batch.End = source.Source, source.First, source.End
		}
	}
	if err := s.journal.Append(ctx, g.Journal, in.LogStreamName, batch); err != nil {
		return nil, repeated(err, batch)
	}
	out := &api.PutLogEventsResponse{NextSequenceToken: sequenceToken(now, uint64(len(accepted))), RejectedLogEventsInfo: rejected}
	if in.Entity != nil {
		// Entities are not kept, and AWS has a way to say so.
		out.RejectedEntityInfo = &api.RejectedEntityInfo{ErrorType: api.EntityRejectionErrorTypeUnsupportedLogGroupType}
	}
	return out, nil
}

// fromAgent says whether an agent sends: by its own key, or by a task's execution role, which no container has.
func fromAgent(caller wire.Caller) bool {
	return caller.Kind == wire.Agent || caller.Kind == wire.Role && caller.TaskARN != ""
}

// checkBatch refuses a batch as a whole.
func checkBatch(events []api.InputLogEvent) error {
	size := 0
	for i, event := range events {
		size += len(event.Message) + journal.EventOverhead
		if i > 0 && *event.Timestamp < *events[i-1].Timestamp {
			return wire.Errorf(api.InvalidParameterException, "Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if size > maxBatchBytes {
		return wire.Errorf(api.InvalidParameterException, "Upload too large: %d bytes exceeds limit of %d", size, maxBatchBytes)
	}
	if span := *events[len(events)-1].Timestamp - *events[0].Timestamp; span > maxBatchSpan.Milliseconds() {
		return wire.Errorf(api.InvalidParameterException, "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}

// within cuts off the events that are too old, older than the group keeps, or too far ahead, and says where it cut.
// The events are in order of time.
func within(events []api.InputLogEvent, now int64, g *group) ([]api.InputLogEvent, *api.RejectedLogEventsInfo) {
	var info api.RejectedLogEventsInfo
	first, end := 0, len(events)
	for first < end && *events[first].Timestamp < g.oldest(now) {
		first++
		info.ExpiredLogEventEndIndex = new(int32(first))
	}
	for first < end && *events[first].Timestamp <= now-maxAge.Milliseconds() {
		first++
		info.TooOldLogEventEndIndex = new(int32(first))
	}
	for end > first && *events[end-1].Timestamp > now+maxAhead.Milliseconds() {
		end--
		info.TooNewLogEventStartIndex = new(int32(end))
	}
	if info == (api.RejectedLogEventsInfo{}) {
		return events, nil
	}
	return events[first:end], &info
}

// repeated puts the refusal of offsets that are stored already into the words that logsource names.
func repeated(err error, batch journal.Batch) error {
	var stored *journal.OffsetError
	if !errors.As(err, &stored) {
		return answer(err)
	}
	e := wire.Errorf(api.InvalidSequenceTokenException, "The given sequenceToken is invalid. The next expected sequenceToken is: %d", stored.Next)
	if batch.End <= stored.Next {
		e = wire.Errorf(api.DataAlreadyAcceptedException, "The given batch of log events has already been accepted. The next batch can be sent with sequenceToken: %d", stored.Next)
	}
	e.Fields = map[string]any{"expectedSequenceToken": logsource.FormatOffset(stored.Next)}
	return e
}
