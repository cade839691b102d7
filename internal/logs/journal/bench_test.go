package journal_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/lsm"
)

// Both benchmarks write 100-byte lines, ten to a durable batch, from 64 writers.
const (
	benchWriters = 64
	benchEvents  = 10
)

var benchLine = strings.Repeat("x", 100)

func BenchmarkAppend(b *testing.B) {
	j := open(b, b.TempDir())
	defer j.Close()
	for w := range benchWriters {
		if err := j.CreateStream(b.Context(), 1, fmt.Sprint(w), 1); err != nil {
			b.Fatal(err)
		}
	}
	parallel(b, func(w, i int) error {
		batch := journal.Batch{Now: int64(i + 1), Source: "c", First: uint64(i), End: uint64(i + 1)}
		for range benchEvents {
			batch.Events = append(batch.Events, journal.NewEvent{Time: int64(i + 1), Message: benchLine})
		}
		return j.Append(b.Context(), 1, fmt.Sprint(w), batch)
	})
}

// BenchmarkRawPebble is the floor: the same events, nothing read, nothing else written.
func BenchmarkRawPebble(b *testing.B) {
	db, err := pebble.Open(b.TempDir(), lsm.Options("log journal", slog.Default()))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	parallel(b, func(w, i int) error {
		batch := db.NewBatch()
		defer batch.Close()
		for n := range benchEvents {
			if err := batch.Set(fmt.Appendf(nil, "%08d%012d%012d", w, i, n), []byte(benchLine), nil); err != nil {
				return err
			}
		}
		return batch.Commit(pebble.Sync)
	})
}

func parallel(b *testing.B, write func(writer, i int) error) {
	b.SetParallelism(benchWriters / 2)
	var writers atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		w := int(writers.Add(1)) % benchWriters
		for i := 0; pb.Next(); i++ {
			if err := write(w, i); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N*benchEvents)/b.Elapsed().Seconds(), "events/s")
}
