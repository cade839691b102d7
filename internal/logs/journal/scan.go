package journal

import (
	"container/heap"
	"context"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Scan merges the streams of a group. One Pebble iterator serves them all: each stream holds a few events ahead and
// seeks for more when they are used up, so that a group with thousands of live streams costs thousands of small buffers
// and not thousands of iterators. A stream is not touched before its time: until the merge reaches its earliest event it
// waits in the heap by the bound its record gives.
func (p *Pebble) Scan(ctx context.Context, group GroupID, query Query) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := p.scan(ctx, group, query, yield); err != nil {
			yield(Event{}, err)
		}
	}
}

func (p *Pebble) scan(ctx context.Context, group GroupID, query Query, yield func(Event, error) bool) error {
	snapshot := p.db.NewSnapshot()
	defer snapshot.Close()
	m := &merge{group: group, query: query}
	if m.query.Before == (Position{}) {
		m.query.Before = Position{Time: math.MaxInt64}
	}
	if err := m.choose(ctx, snapshot); err != nil {
		return err
	}
	if len(m.queue) == 0 {
		return nil
	}
	prefix := groupKey(eventKind, group)
	it, err := snapshot.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: prefixEnd(prefix)})
	if err != nil {
		return fmt.Errorf("journal: read events: %w", err)
	}
	defer it.Close()
	m.it = it
	m.ahead = min(max(readAhead/len(m.queue), 4), 512)
	heap.Init(m)
	for len(m.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := m.queue[0]
		if len(c.events) == 0 {
			if err := m.fill(c); err != nil {
				return fmt.Errorf("journal: read events of stream %q: %w", c.name, err)
			}
		} else {
			if !yield(c.events[0], nil) {
				return nil
			}
			c.events = c.events[1:]
			if len(c.events) > 0 {
				c.next = c.events[0].Position
			}
		}
		if len(c.events) == 0 && c.done {
			heap.Pop(m)
		} else {
			heap.Fix(m, 0)
		}
	}
	return nil
}

const (
	readAhead      = 2048     // events held ahead by all streams together
	readAheadBytes = 64 << 10 // bytes after which a stream holds no more
)

// merge is the heap of the streams that a scan reads, the one whose next event comes first on top.
type merge struct {
	group GroupID
	query Query
	it    *pebble.Iterator
	ahead int
	queue []*cursor
}

// cursor is one stream of a merge.
type cursor struct {
	name   string
	stream uint64
	// next is the position of events[0]; when events is empty, a bound that no event left crosses.
	next   Position
	events []Event
	// after and before bound what was not yet read.
	after, before Position
	done          bool // nothing is left beyond events
}

// choose fills the queue with the streams that can hold an event that the query selects.
func (m *merge) choose(ctx context.Context, from pebble.Reader) error {
	for stream, err := range m.streams(ctx, from) {
		if err != nil {
			return err
		}
		first, last := Position{stream.First, stream.ID, 0}, Position{stream.Last, stream.ID, math.MaxUint64}
		if stream.First == 0 || last.Less(m.query.After) || m.query.Before.Less(first) {
			continue
		}
		c := &cursor{name: stream.Name, stream: stream.ID, after: m.query.After, before: m.query.Before}
		if m.query.Backward {
			c.next = last
		} else {
			c.next = first
		}
		m.queue = append(m.queue, c)
	}
	return nil
}

func (m *merge) streams(ctx context.Context, from pebble.Reader) iter.Seq2[Stream, error] {
	if m.query.Streams == nil {
		return streams(ctx, from, m.group, m.query.Prefix, "")
	}
	return func(yield func(Stream, error) bool) {
		for _, name := range slices.Compact(slices.Sorted(slices.Values(m.query.Streams))) {
			r, err := loadRecord(from, m.group, name)
			if err == ErrNoStream {
				continue
			}
			if err != nil {
				yield(Stream{}, err)
				return
			}
			if !yield(r.stream(name), nil) {
				return
			}
		}
	}
}

// fill reads the next events of a stream.
func (m *merge) fill(c *cursor) error {
	c.events, c.done = nil, true
	ok := false
	if m.query.Backward {
		ok = m.it.SeekLT(eventKey(m.group, bound(c.before, c.stream)))
	} else {
		// The first key after the bound: that of the bound itself when an event stands there, with a zero byte behind it.
		ok = m.it.SeekGE(append(eventKey(m.group, bound(c.after, c.stream)), 0))
	}
	for bytes := 0; ok; ok = m.step() {
		at := eventPosition(m.it.Key())
		if at.Stream != c.stream || !c.after.Less(at) || !at.Less(c.before) {
			break
		}
		if len(c.events) == m.ahead || bytes > readAheadBytes {
			c.done = false
			break
		}
		value, err := m.it.ValueAndErr()
		if err != nil {
			return err
		}
		ingested, message, err := readEventValue(value, at.Time)
		if err != nil {
			return err
		}
		bytes += len(message)
		c.events = append(c.events, Event{Position: at, Stream: c.name, Ingested: ingested, Message: string(message)})
	}
	if n := len(c.events); n > 0 {
		c.next = c.events[0].Position
		if m.query.Backward {
			c.before = c.events[n-1].Position
		} else {
			c.after = c.events[n-1].Position
		}
	}
	return m.it.Error()
}

func (m *merge) step() bool {
	if m.query.Backward {
		return m.it.Prev()
	}
	return m.it.Next()
}

// bound is where a position stands within one stream: a position of the same time in an earlier stream is before all of
// this stream's events of that time, one in a later stream is after them.
func bound(p Position, stream uint64) Position {
	switch {
	case p.Stream < stream:
		return Position{p.Time, stream, 0}
	case p.Stream > stream:
		return Position{p.Time, stream, math.MaxUint64}
	}
	return p
}

func (m *merge) Len() int { return len(m.queue) }

func (m *merge) Less(i, j int) bool {
	if m.query.Backward {
		i, j = j, i
	}
	return m.queue[i].next.Less(m.queue[j].next)
}

func (m *merge) Swap(i, j int) { m.queue[i], m.queue[j] = m.queue[j], m.queue[i] }

// Push and Pop are heap.Interface's.
func (m *merge) Push(x any) { m.queue = append(m.queue, x.(*cursor)) }

func (m *merge) Pop() any {
	last := len(m.queue) - 1
	c := m.queue[last]
	m.queue[last] = nil
	m.queue = m.queue[:last]
	return c
}
