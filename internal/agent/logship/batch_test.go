package logship

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// limits are those of CloudWatch Logs.
var limits = logdriver.Limits{Bytes: 512 << 10, Events: 10_000, Extra: 26, Event: 256 << 10, Span: 24 * time.Hour}

// TestBatchesKeepTheBounds cuts random output into batches: each is one that the service takes, and together they are the output.
func TestBatchesKeepTheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(1_700_000_000_000)
		var want strings.Builder
		j := joiner{Limits: limits}
		var queue []logdriver.Event
		n := rapid.IntRange(1, 200).Draw(t, "lines")
		for i := range n {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 1000, -5, 90_000_000}).Draw(t, "ms")) * time.Millisecond)
			text := strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 100, spool.MaxLine}).Draw(t, "length"))
			stream := rapid.SampledFrom([]spool.Stream{spool.Stdout, spool.Stderr}).Draw(t, "stream")
			queue = append(queue, j.add(spool.Line{Offset: uint64(i), Time: now, Stream: stream, Partial: len(text) == spool.MaxLine && rapid.Bool().Draw(t, "partial"), Text: []byte(text)})...)
			want.WriteString(text)
		}
		queue = append(queue, j.close()...)

		var got strings.Builder
		next := uint64(0)
		for len(queue) > 0 {
			var b batch
			for len(queue) > 0 && b.takes(queue[0], limits) {
				b.add(queue[0], limits)
				queue = queue[1:]
			}
			bytes := 0
			for i, e := range b.Events {
				bytes += len(e.Text) + limits.Extra
				got.WriteString(e.Text)
				switch {
				case e.First != next || e.End <= e.First:
					t.Fatalf("offsets %d to %d after %d", e.First, e.End, next)
				case len(e.Text) > limits.Event:
					t.Fatalf("an event of %d bytes", len(e.Text))
				case i > 0 && e.Time.Before(b.Events[i-1].Time), e.Time.Sub(b.Events[0].Time) >= limits.Span:
					t.Fatalf("times %s to %s in one batch", b.Events[0].Time, e.Time)
				}
				next = e.End
			}
			if len(b.Events) == 0 || bytes != b.bytes || bytes > limits.Bytes && len(b.Events) > 1 || b.End != next {
				t.Fatalf("a batch of %d events, %d bytes, to %d", len(b.Events), bytes, b.End)
			}
		}
		if next != uint64(n) || got.String() != want.String() {
			t.Fatalf("%d of %d lines, %d of %d bytes", next, n, got.Len(), want.Len())
		}
	})
}

func TestFromCutsWhatIsTaken(t *testing.T) {
	var b batch
	for i := range uint64(5) {
		b.add(logdriver.Event{First: 2 * i, End: 2*i + 2, Text: "x"}, limits)
	}
	if rest := b.From(3); len(rest.Events) != 2 || rest.First != 6 || rest.End != 10 {
		t.Fatalf("%+v", rest)
	}
	if rest := b.From(5); len(rest.Events) != 0 {
		t.Fatalf("%+v", rest)
	}
}

func TestEachByteThatIsNoTextIsReplaced(t *testing.T) {
	var j joiner
	events := j.add(spool.Line{Text: []byte("a\xff\xfeé\x80")})
	if len(events) != 1 || events[0].Text != "a\ufffd\ufffdé\ufffd" {
		t.Fatalf("%+v", events)
	}
}
