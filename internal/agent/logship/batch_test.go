package logship

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/berth-dev/berth/internal/agent/spool"
)

// TestBatchesKeepTheBounds cuts random output into batches: each is one that the service takes, and together they are the output.
func TestBatchesKeepTheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(1_700_000_000_000)
		var want strings.Builder
		var j joiner
		var queue []event
		n := rapid.IntRange(1, 200).Draw(t, "lines")
		for i := range n {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 1000, -5, 90_000_000}).Draw(t, "ms")) * time.Millisecond)
			text := strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 100, spool.MaxLine}).Draw(t, "length"))
			stream := rapid.SampledFrom([]spool.Stream{spool.Stdout, spool.Stderr}).Draw(t, "stream")
			queue = append(queue, j.add(spool.Line{Offset: uint64(i), Time: now, Stream: stream, Partial: len(text) == spool.MaxLine && rapid.Bool().Draw(t, "partial"), Text: []byte(text)})...)
			want.WriteString(text)
		}
		queue = j.close(queue)

		var got strings.Builder
		next := uint64(0)
		for len(queue) > 0 {
			var b batch
			for len(queue) > 0 && b.takes(queue[0]) {
				b.add(queue[0])
				queue = queue[1:]
			}
			bytes := 0
			for i, e := range b.events {
				bytes += len(e.text) + eventExtra
				got.WriteString(e.text)
				switch {
				case e.first != next || e.end <= e.first:
					t.Fatalf("offsets %d to %d after %d", e.first, e.end, next)
				case len(e.text) > maxEvent:
					t.Fatalf("an event of %d bytes", len(e.text))
				case i > 0 && e.time < b.events[i-1].time, e.time-b.events[0].time >= maxSpan.Milliseconds():
					t.Fatalf("times %d to %d in one batch", b.events[0].time, e.time)
				}
				next = e.end
			}
			if len(b.events) == 0 || bytes != b.bytes || bytes > maxBytes && len(b.events) > 1 || b.end != next {
				t.Fatalf("a batch of %d events, %d bytes, to %d", len(b.events), bytes, b.end)
			}
		}
		if next != uint64(n) || got.String() != want.String() {
			t.Fatalf("%d of %d lines, %d of %d bytes", next, n, got.Len(), want.Len())
		}
	})
}

func TestFromCutsWhatIsStored(t *testing.T) {
	var b batch
	for i := range uint64(5) {
		b.add(event{first: i, end: i + 1, time: 1, text: "x"})
	}
	b.from(3)
	if len(b.events) != 2 || b.first != 3 || b.end != 5 || b.bytes != 2*(1+eventExtra) {
		t.Fatalf("%+v", b)
	}
	b.from(9)
	if len(b.events) != 0 || b.bytes != 0 {
		t.Fatalf("%+v", b)
	}
}

func TestEachByteThatIsNoTextIsReplaced(t *testing.T) {
	var j joiner
	events := j.add(spool.Line{Text: []byte("a\xff\xfeé\x80")})
	if len(events) != 1 || events[0].text != "a\ufffd\ufffdé\ufffd" {
		t.Fatalf("%+v", events)
	}
}
