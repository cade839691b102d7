package ecs

import (
	"log/slog"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/ecs/history"
	"github.com/berth-dev/berth/internal/store"
)

// BenchmarkRecordChange is what one state change costs the recorder, with its share of the write to disk: changes come in
// batches, as they do under load.
func BenchmarkRecordChange(b *testing.B) {
	p, err := history.OpenPebble(b.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	before, after := liveTask(), liveTask()
	before.Status = Running
	old, now := store.Row[Task]{Scope: here, ID: before.ID, Value: before}, store.Row[Task]{Scope: here, ID: before.ID, Value: after}
	r := &recorder{service: New(store.Memory(), nil, Config{History: p}), history: p, ended: newEndings(), marks: history.Marks{}}
	after.Status = Stopping
	b.ReportAllocs()
	for b.Loop() {
		r.task(store.Event[Task]{Old: &old, New: &now, Revision: 1})
		if len(r.pending) == 100 {
			r.flush(b.Context())
		}
	}
	b.ReportMetric(float64(len(appendTask(nil, here, after, time.Now()))), "bytes/change")
}

// BenchmarkMoveTask is what it costs to put one stopped task into the history.
func BenchmarkMoveTask(b *testing.B) {
	p, err := history.OpenPebble(b.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	db := store.Memory()
	s := New(db, nil, Config{History: p})
	if err := db.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	task := liveTask()
	if err := db.Update(b.Context(), func(tx *store.Tx) error { return s.Tasks.Put(tx, here, task.ID, task) }); err != nil {
		b.Fatal(err)
	}
	row, _ := s.Tasks.Get(here, task.ID)
	var records []history.Record
	for b.Loop() {
		value, err := s.Tasks.Encoded(row)
		if err != nil {
			b.Fatal(err)
		}
		records = append(records, history.Record{Scope: here, ID: newID(), Ended: task.StoppedAt, Keys: pastKeys(task), Value: value})
		if len(records) == moveStep {
			if err := p.Put(b.Context(), records); err != nil {
				b.Fatal(err)
			}
			records = records[:0]
		}
	}
}
