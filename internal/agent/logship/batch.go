package logship

import (
	"github.com/berth-dev/berth/internal/agent/logdriver"
)

const linesAtOnce = 64

// batch is a logdriver.Batch as it grows.
type batch struct {
	logdriver.Batch
	bytes int
}

// takes says whether the event may be part of the batch.
func (b *batch) takes(e logdriver.Event, l logdriver.Limits) bool {
	if len(b.Events) == 0 {
		return true
	}
	last := b.Events[len(b.Events)-1]
	return (l.Events == 0 || len(b.Events) < l.Events) &&
		(l.Bytes == 0 || b.bytes+len(e.Text)+l.Extra <= l.Bytes) &&
		// The clock may have been set back: who bounds the span wants them in order.
		(l.Span == 0 || !e.Time.Before(last.Time) && e.Time.Sub(b.Events[0].Time) < l.Span)
}

func (b *batch) add(e logdriver.Event, l logdriver.Limits) {
	if len(b.Events) == 0 {
		b.First = e.First
	}
	b.Events = append(b.Events, e)
	b.bytes += len(e.Text) + l.Extra
	b.End = e.End
}
