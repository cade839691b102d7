package awslogs

import (
	"context"
	"errors"

	"github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/logsource"
	"github.com/berth-dev/berth/internal/wire/client"
)

// Send puts a batch into the stream. A stream, or group, that somebody deleted while the task runs is made again, once.
func (s *sink) Send(ctx context.Context, b logdriver.Batch) (taken int, err error) {
	out, err := s.put(ctx, b)
	if verdictOf(err) == missing {
		switch made := s.create(ctx); {
		case made == nil:
			out, err = s.put(ctx, b)
		case verdictOf(made) != missing:
			return 0, made
		}
	}
	switch verdictOf(err) {
	case accepted:
		return len(b.Events), rejected(b, out.RejectedLogEventsInfo)
	case stored:
		next, perr := logsource.ParseOffset(expected(err))
		if perr != nil || next <= b.First { // not the answer to what was asked
			break
		}
		for taken < len(b.Events) && b.Events[taken].First < next {
			taken++
		}
		return taken, nil
	case denied:
		if s.fallBack() {
			return s.Send(ctx, b)
		}
		return 0, err
	case retry:
		return 0, err
	}
	return len(b.Events), &logdriver.Refused{Events: len(b.Events), Err: err}
}

func (s *sink) put(ctx context.Context, b logdriver.Batch) (*logs.PutLogEventsResponse, error) {
	in := &logs.PutLogEventsRequest{
		LogGroupName:  s.group,
		LogStreamName: s.stream,
		LogEvents:     make([]logs.InputLogEvent, len(b.Events)),
		SequenceToken: logsource.Range{Source: s.source, First: b.First, End: b.End}.Token(),
	}
	for i, e := range b.Events {
		in.LogEvents[i] = logs.InputLogEvent{Timestamp: new(e.Time.UnixMilli()), Message: e.Text}
	}
	return call(ctx, s.destination, logs.PutLogEvents, in)
}

// expected is the offset at which the service says that the source goes on.
func expected(err error) string {
	var answered *client.Error
	if !errors.As(err, &answered) {
		return ""
	}
	text, _ := answered.Fields["expectedSequenceToken"].(string)
	return text
}

// rejected tells of the events that the service took no notice of: they are too old, too new or beyond the group's retention.
func rejected(b logdriver.Batch, info *logs.RejectedLogEventsInfo) error {
	if info == nil {
		return nil
	}
	n := 0
	for _, end := range []*int32{info.TooOldLogEventEndIndex, info.ExpiredLogEventEndIndex} {
		if end != nil {
			n = max(n, int(*end))
		}
	}
	if start := info.TooNewLogEventStartIndex; start != nil {
		n += len(b.Events) - int(*start)
	}
	return &logdriver.Refused{Events: n, Err: errors.New("the service does not take events of their time")}
}
