// Package journal keeps the events of CloudWatch Logs: streams of lines, each in order of time, durable before they are
// acknowledged. internal/logs calls it and knows nothing of how it stores; OpenPebble is the journal of one machine, and an
// engine that several servers share can take its place. journaltest is the suite that every implementation passes.
//
// Log groups themselves (name, retention, tags) are configuration and live in the store, beside the other resources that
// people declare. A group reaches the journal as a GroupID, which is drawn when the group is made and never used again:
// a group that is deleted and made anew starts empty whatever a crash left of the old one.
package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// Journal keeps streams of events. Its methods may be called at the same time by any number of goroutines.
type Journal interface {
	// CreateStream makes an empty stream. now is the creation time in Unix milliseconds. ErrStreamExists.
	CreateStream(ctx context.Context, group GroupID, name string, now int64) error
	// DeleteStream removes a stream with its events and source offsets. ErrNoStream.
	DeleteStream(ctx context.Context, group GroupID, name string) error
	// Stream returns one stream. ErrNoStream.
	Stream(ctx context.Context, group GroupID, name string) (Stream, error)
	// Streams yields the streams whose name begins with prefix and is greater than after, ordered by name.
	Streams(ctx context.Context, group GroupID, prefix, after string) iter.Seq2[Stream, error]

	// Append adds events to a stream. When it returns nil they are on disk, with the source's offset, all or none.
	// Events of one time stand in the order of the batch. ErrNoStream, *OffsetError, ErrNoSpace.
	Append(ctx context.Context, group GroupID, name string, batch Batch) error
	// Scan yields the events that the query selects, in order of position.
	Scan(ctx context.Context, group GroupID, query Query) iter.Seq2[Event, error]

	// Expire removes the events of a group earlier than before (Unix milliseconds). It works in small steps, so that
	// writers never wait long, and may be interrupted and repeated.
	Expire(ctx context.Context, group GroupID, before int64) error
	// DropGroup removes all that the journal has of a group.
	DropGroup(ctx context.Context, group GroupID) error
	// Groups lists the groups that have streams.
	Groups(ctx context.Context) ([]GroupID, error)

	// Close waits for nothing: no other method may be running.
	Close() error
}

// GroupID names a log group for ever. It is drawn at random by who makes the group.
type GroupID uint64

// String returns the 16 hexadecimal digits that MarshalText writes.
func (id GroupID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// MarshalText writes 16 hexadecimal digits.
func (id GroupID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *GroupID) UnmarshalText(text []byte) error {
	var n uint64
	if _, err := fmt.Sscanf(string(text), "%016x", &n); err != nil || len(text) != 16 {
		return fmt.Errorf("journal: %q is no group id", text)
	}
	*id = GroupID(n)
	return nil
}

// Stream is one log stream. Times are Unix milliseconds.
type Stream struct {
	Name string
	// ID is unique to this stream: a stream deleted and made anew has another.
	ID      uint64
	Created int64
	// First and Last are the times of the earliest and the latest event, Ingested the time of the last Append.
	// First is 0 when the stream holds no event; Last is then that of the latest it held, or 0.
	First, Last, Ingested int64
	// Bytes is the size of the messages held, with EventOverhead for each.
	Bytes int64
	// Appended counts the events ever appended.
	Appended uint64
}

// EventOverhead is what CloudWatch Logs adds to the length of each message when it counts bytes.
const EventOverhead = 26

// Batch is what one Append adds.
type Batch struct {
	Now    int64 // the time of ingestion, Unix milliseconds
	Events []NewEvent
	// Source, when set, says where the events come from and which part of it they are: the offsets from First up to, and
	// not including, End. A source's offsets only grow: an Append that begins below what was appended before it is
	// refused by an *OffsetError, so that a batch repeated after a lost answer is not stored twice. Gaps are accepted.
	Source     string
	First, End uint64
}

// NewEvent is an event to append.
type NewEvent struct {
	Time    int64 // Unix milliseconds, > 0
	Message string
}

// Event is an event held.
type Event struct {
	Position
	Stream   string
	Ingested int64
	Message  string
}

// Position is where an event stands among those of its group: by time, then stream, then order of arrival. Seq counts
// from 1, so {Time, 0, 0} is before every event of that time.
type Position struct {
	Time   int64
	Stream uint64 // Stream.ID
	Seq    uint64
}

// Less says whether p stands before q.
func (p Position) Less(q Position) bool {
	if p.Time != q.Time {
		return p.Time < q.Time
	}
	if p.Stream != q.Stream {
		return p.Stream < q.Stream
	}
	return p.Seq < q.Seq
}

// Query selects events for Scan.
type Query struct {
	// Streams names the streams to read, those that do not exist being empty. When nil, every stream is read whose name
	// begins with Prefix.
	Streams []string
	Prefix  string
	// Only events after After and before Before, both exclusive, are read. The zero Before is no bound.
	After, Before Position
	// Backward yields the latest event first.
	Backward bool
}

var (
	// ErrNoStream means that the group has no stream of that name.
	ErrNoStream = errors.New("journal: no such stream")
	// ErrStreamExists means that the group has a stream of that name.
	ErrStreamExists = errors.New("journal: stream exists")
	// ErrNoSpace means that the disk is too full to append safely. Reading and deleting still work.
	ErrNoSpace = errors.New("the log journal takes nothing more")
)

// OffsetError refuses a batch that begins at an offset of its source that was appended before.
type OffsetError struct {
	Source string
	Next   uint64 // where the source is to go on
}

func (e *OffsetError) Error() string {
	return fmt.Sprintf("journal: source %s is already stored up to offset %d", e.Source, e.Next)
}
