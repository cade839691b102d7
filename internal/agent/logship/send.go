package logship

import (
	"errors"
	"log/slog"
	"time"

	"github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/logsource"
	"github.com/berth-dev/berth/internal/wire/client"
)

// send puts a batch into the stream and returns once each of its events is stored or refused for good. Its error is that of
// the follower's context.
func (f *follower) send(b batch) error {
	wait, recreated := backoff{}, false
	for len(b.events) > 0 {
		out, err := call(f.ctx, f.to, logs.PutLogEvents, f.request(b))
		if err == nil {
			f.tellRejected(b, out.RejectedLogEventsInfo)
			return nil
		}
		switch v := verdictOf(err); {
		case v == stored:
			next, perr := logsource.ParseOffset(expected(err))
			if perr != nil || next <= b.first {
				f.drop(uint64(len(b.events)), err) // not the answer to what was asked
				return nil
			}
			b.from(next)
		case v == missing && !recreated:
			// Somebody deleted it while the task runs.
			recreated = true
			if err := f.to.create(f.ctx); err != nil && verdictOf(err) != missing {
				recreated = false
				if err := wait.sleep(f.ctx); err != nil {
					return err
				}
			}
		case v == denied && f.to.fallBack():
		case f.ctx.Err() != nil:
			return f.ctx.Err()
		case v == retry, v == denied:
			f.complaint.about(0, "the output of a container waits: it can't be shipped now", err)
			if err := wait.sleep(f.ctx); err != nil {
				return err
			}
		default:
			f.drop(uint64(len(b.events)), err)
			return nil
		}
	}
	return nil
}

func (f *follower) request(b batch) *logs.PutLogEventsRequest {
	in := &logs.PutLogEventsRequest{
		LogGroupName:  f.to.group,
		LogStreamName: f.to.stream,
		LogEvents:     make([]logs.InputLogEvent, len(b.events)),
		SequenceToken: logsource.Range{Source: f.log.Task + "/" + f.log.Container, First: b.first, End: b.end}.Token(),
	}
	for i, e := range b.events {
		in.LogEvents[i] = logs.InputLogEvent{Timestamp: new(e.time), Message: e.text}
	}
	return in
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

// tellRejected counts the events that the service took no notice of: they are too old, too new or beyond the group's retention.
func (f *follower) tellRejected(b batch, info *logs.RejectedLogEventsInfo) {
	if info == nil {
		return
	}
	n := 0
	for _, end := range []*int32{info.TooOldLogEventEndIndex, info.ExpiredLogEventEndIndex} {
		if end != nil {
			n = max(n, int(*end))
		}
	}
	if start := info.TooNewLogEventStartIndex; start != nil {
		n += len(b.events) - int(*start)
	}
	f.drop(uint64(n), errors.New("the service does not take events of their time"))
}

func (f *follower) drop(events uint64, why error) {
	f.dropped.Add(events)
	f.complaint.about(events, "output of a container was refused for good and dropped", why)
}

// complaint tells the agent's log what goes wrong, but not more often than people want to read it.
type complaint struct {
	log   *slog.Logger
	last  map[string]time.Time
	count map[string]uint64
}

const complainEvery = 10 * time.Second

func (c *complaint) about(lines uint64, what string, err error) {
	if c.last == nil {
		c.last, c.count = map[string]time.Time{}, map[string]uint64{}
	}
	c.count[what] += lines
	if now := time.Now(); now.Sub(c.last[what]) >= complainEvery {
		c.log.Warn(what, "lines", c.count[what], "error", err)
		c.last[what], c.count[what] = now, 0
	}
}
