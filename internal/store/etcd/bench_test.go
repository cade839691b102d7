package etcd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/store"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// The benchmarks print what the store costs beside what etcd costs without it, in one run: go test -bench . -benchtime 2s ./internal/store/etcd

// record is 1.5 KB of JSON, the size of a task.
type record struct {
	Name  string            `json:"name"`
	Count int               `json:"count"`
	Text  string            `json:"text"`
	Tags  map[string]string `json:"tags"`
}

func newRecord(n int) *record {
	return &record{Name: fmt.Sprint("task ", n), Count: n, Text: strings.Repeat("x", 1350), Tags: map[string]string{"team": "a", "stage": "b"}}
}

type bench struct {
	*store.DB
	raw     *clientv3.Client
	records *store.Table[record]
}

func openBench(b *testing.B, dir string, fresh bool) *bench {
	b.Helper()
	back, err := open(b.Context(), Config{Dir: dir, Instance: "cafe0001", Fresh: fresh}.withDefaults())
	if err != nil {
		b.Fatal(err)
	}
	db := store.New(back, store.Config{})
	w := &bench{db, back.client, store.NewTable(db, "bench", "record", store.Index[record]{
		Name: "team", Keys: func(_ string, v *record) []string { return []string{v.Tags["team"]} },
	})}
	if err := db.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	return w
}

func (w *bench) put(ctx context.Context, n int) error {
	return w.Update(ctx, func(tx *store.Tx) error { return w.records.Put(tx, anywhere, fmt.Sprint(n), newRecord(n)) })
}

// rawKey is outside of what the store follows.
func rawKey(n int) string { return fmt.Sprint("/raw/", n) }

var rawValue = strings.Repeat("x", 1500)

func BenchmarkOneWriter(b *testing.B) {
	w := openBench(b, filepath.Join(b.TempDir(), "etcd"), true)
	defer w.Close()
	b.Run("etcd", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if _, err := w.raw.Put(b.Context(), rawKey(n%10_000), rawValue); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("store", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if err := w.put(b.Context(), n%10_000); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func Benchmark64Writers(b *testing.B) {
	w := openBench(b, filepath.Join(b.TempDir(), "etcd"), true)
	defer w.Close()
	b.Run("etcd", func(b *testing.B) {
		together(b, 64, func(n int) error {
			_, err := w.raw.Put(b.Context(), rawKey(n%10_000), rawValue)
			return err
		})
	})
	b.Run("store", func(b *testing.B) {
		together(b, 64, func(n int) error { return w.put(b.Context(), n%10_000) })
	})
}

// together has writers do b.N operations.
func together(b *testing.B, writers int, do func(n int) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			for n := int(next.Add(1)); n <= b.N; n = int(next.Add(1)) {
				if err := do(n); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}

func BenchmarkTransactionsOf128(b *testing.B) {
	w := openBench(b, filepath.Join(b.TempDir(), "etcd"), true)
	defer w.Close()
	b.Run("etcd", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			ops := make([]clientv3.Op, 128)
			for i := range ops {
				ops[i] = clientv3.OpPut(rawKey((n*128+i)%10_000), rawValue)
			}
			if _, err := w.raw.Txn(b.Context()).Then(ops...).Commit(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "writes/s")
	})
	b.Run("store", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			err := w.Update(b.Context(), func(tx *store.Tx) error {
				for i := range 128 {
					n := (n*128 + i) % 10_000
					if err := w.records.Put(tx, anywhere, fmt.Sprint(n), newRecord(n)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "writes/s")
	})
}

func BenchmarkGet(b *testing.B) {
	w := openBench(b, filepath.Join(b.TempDir(), "etcd"), true)
	defer w.Close()
	if err := w.put(b.Context(), 1); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, ok := w.records.Get(anywhere, "1"); !ok {
			b.Fatal("the row is not there")
		}
	}
}

func BenchmarkIdleMemory(b *testing.B) {
	before := resident(b)
	w := openBench(b, filepath.Join(b.TempDir(), "etcd"), true)
	defer w.Close()
	for b.Loop() {
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(resident(b)-before, "MB-more")
}

// resident is the memory of this process that isn't a file's, in MB.
func resident(b *testing.B) float64 {
	b.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	var kb float64
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			fmt.Sscan(rest, &kb)
		}
	}
	return kb / 1024
}

// BenchmarkOpen is with 100,000 rows of 1.5 KB, last closed as by SIGKILL: nothing was flushed or released.
func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "etcd")
	w := openBench(b, dir, true)
	before := resident(b)
	items := make([]int, 100_000)
	for i := range items {
		items[i] = i
	}
	if _, err := store.UpdateEach(b.Context(), w, items, func(tx *store.Tx, n int) error {
		return w.records.Put(tx, anywhere, fmt.Sprint(n), newRecord(n))
	}); err != nil {
		b.Fatal(err)
	}
	more := resident(b) - before
	killed := filepath.Join(b.TempDir(), "killed")
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w := openBench(b, killed, false)
		b.StopTimer()
		if n := w.records.Len(anywhere); n != len(items) {
			b.Fatalf("%d rows are there", n)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(more, "MB-with-100k-rows")
}
