package journaltest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/berth-dev/berth/internal/logs/journal"
)

// testModel runs random histories against the journal and a list that is sorted by time, and compares what both read.
func testModel(t *testing.T, open func(t testing.TB) journal.Journal) {
	j := open(t)
	group := journal.GroupID(0x1000)
	rapid.Check(t, func(rt *rapid.T) {
		group++ // each history has a group of its own
		m := model{streams: map[string][]journal.NewEvent{}, offsets: map[string]uint64{}}
		name := rapid.SampledFrom([]string{"a", "a/b", "b"})
		n := 0
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				s := name.Draw(rt, "stream")
				err := j.CreateStream(t.Context(), group, s, 1)
				if _, exists := m.streams[s]; exists != errors.Is(err, journal.ErrStreamExists) {
					rt.Fatalf("create %s: %v, exists %v", s, err, exists)
				}
				if err == nil {
					m.streams[s] = []journal.NewEvent{}
				}
			},
			"delete": func(rt *rapid.T) {
				s := name.Draw(rt, "stream")
				err := j.DeleteStream(t.Context(), group, s)
				if _, exists := m.streams[s]; exists == errors.Is(err, journal.ErrNoStream) {
					rt.Fatalf("delete %s: %v, exists %v", s, err, exists)
				}
				delete(m.streams, s)
				delete(m.offsets, s)
			},
			"append": func(rt *rapid.T) {
				s := name.Draw(rt, "stream")
				b := journal.Batch{Now: 1000}
				for range rapid.IntRange(1, 20).Draw(rt, "events") {
					n++
					b.Events = append(b.Events, journal.NewEvent{Time: rapid.Int64Range(1, 50).Draw(rt, "time"), Message: fmt.Sprint(n)})
				}
				if rapid.Bool().Draw(rt, "from a source") {
					b.Source, b.First = "src", rapid.Uint64Range(0, 60).Draw(rt, "first")
					b.End = b.First + uint64(len(b.Events))
				}
				m.append(rt, s, b, j.Append(t.Context(), group, s, b))
			},
			"expire": func(rt *rapid.T) {
				before := rapid.Int64Range(1, 50).Draw(rt, "before")
				if err := j.Expire(t.Context(), group, before); err != nil {
					rt.Fatal(err)
				}
				for s, events := range m.streams {
					m.streams[s] = slices.DeleteFunc(events, func(e journal.NewEvent) bool { return e.Time < before })
				}
			},
			"": func(rt *rapid.T) {
				after, before := rapid.Int64Range(0, 50).Draw(rt, "after"), rapid.Int64Range(1, 51).Draw(rt, "before")
				for s := range m.streams {
					m.compare(rt, t, j, group, s, after, before)
				}
			},
		})
	})
}

type model struct {
	streams map[string][]journal.NewEvent // in order of arrival
	offsets map[string]uint64
}

func (m *model) append(rt *rapid.T, s string, b journal.Batch, err error) {
	var refused *journal.OffsetError
	switch _, exists := m.streams[s]; {
	case !exists:
		if !errors.Is(err, journal.ErrNoStream) {
			rt.Fatalf("append to %s, which is absent: %v", s, err)
		}
	case b.Source != "" && b.First < m.offsets[s]:
		if !errors.As(err, &refused) || refused.Next != m.offsets[s] {
			rt.Fatalf("append to %s from %d: %v, source is at %d", s, b.First, err, m.offsets[s])
		}
	default:
		if err != nil {
			rt.Fatal(err)
		}
		m.streams[s] = append(m.streams[s], b.Events...)
		if b.Source != "" {
			m.offsets[s] = b.End
		}
	}
}

func (m *model) compare(rt *rapid.T, t testing.TB, j journal.Journal, group journal.GroupID, s string, after, before int64) {
	sorted := slices.Clone(m.streams[s])
	slices.SortStableFunc(sorted, func(a, b journal.NewEvent) int { return int(a.Time - b.Time) })
	want, size := "", int64(0)
	for _, e := range sorted {
		size += int64(len(e.Message)) + journal.EventOverhead
		if e.Time >= after && e.Time < before {
			want = joined(want, e.Message)
		}
	}
	q := journal.Query{Streams: []string{s}, After: journal.Position{Time: after}, Before: journal.Position{Time: before}}
	got := ""
	for e, err := range j.Scan(t.Context(), group, q) {
		if err != nil {
			rt.Fatal(err)
		}
		got = joined(got, e.Message)
	}
	if got != want {
		rt.Fatalf("stream %s from %d to %d:\n got %s\nwant %s", s, after, before, got, want)
	}
	q.Backward = true
	back := ""
	for e, err := range j.Scan(t.Context(), group, q) {
		if err != nil {
			rt.Fatal(err)
		}
		back = joined(e.Message, back)
	}
	if back != want {
		rt.Fatalf("stream %s backward from %d to %d:\n got %s\nwant %s", s, after, before, back, want)
	}
	stream, err := j.Stream(t.Context(), group, s)
	if err != nil || stream.Bytes != size || len(sorted) > 0 && stream.First != sorted[0].Time || len(sorted) == 0 && stream.First != 0 {
		rt.Fatalf("stream %+v, %v: want %d bytes of %v", stream, err, size, sorted)
	}
}
