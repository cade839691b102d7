package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/berth-dev/berth/internal/store"
)

func groupCommit(t *testing.T, backend New) {
	g := &gate{Backend: backend(t, 0)}
	f := start(t, g)
	g.commits.hold()
	const writers, rows = 200, 180 // some rows have two writers, who may not meet in a batch
	var wg sync.WaitGroup
	var ran atomic.Int32
	for i := range writers {
		wg.Go(func() {
			id := fmt.Sprint(i % rows)
			err := f.Update(t.Context(), func(tx *store.Tx) error {
				ran.Add(1)
				v, ok := f.things.GetTx(tx, here, id)
				if !ok {
					v = &thing{}
				}
				return f.things.Put(tx, here, id, &thing{Count: v.Count + 1})
			})
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	eventually(t, "all writers have run", func() bool { return ran.Load() >= writers })
	g.commits.open()
	wg.Wait()
	total := 0
	for r := range f.things.All() {
		total += r.Value.Count
	}
	if total != writers {
		t.Errorf("%d writes are there of %d", total, writers)
	}
	batches := g.committed()
	if len(batches) > writers/2 {
		t.Errorf("%d writes took %d commits", writers, len(batches))
	}
	for _, batch := range batches {
		checkBatch(t, batch)
	}
}

// checkBatch fails the test when a mutation reads or writes what an earlier one of its batch writes.
func checkBatch(t *testing.T, batch store.Batch) {
	t.Helper()
	written := map[string]bool{}
	ops := 0
	for _, m := range batch.Mutations {
		for _, c := range m.Compares {
			if written[c.Key] {
				t.Errorf("a batch compares %s after it writes it", c.Key)
			}
		}
		for _, w := range m.Writes {
			if written[w.Key] {
				t.Errorf("a batch writes %s twice", w.Key)
			}
			written[w.Key] = true
			ops++
		}
	}
	if ops > store.MaxOps {
		t.Errorf("a batch has %d operations", ops)
	}
}

// retryOfOne has a DB whose feed is behind commit two transactions at once, one over a row that another DB has changed.
func retryOfOne(t *testing.T, backend New) {
	b := backend(t, 0)
	other := start(t, b)
	other.put(t, "contested", thing{Count: 1})
	g := &gate{Backend: shared{b}}
	f := start(t, g)

	g.feed.hold()
	other.put(t, "contested", thing{Count: 2})
	g.commits.hold()
	var wg sync.WaitGroup
	var ran atomic.Int32
	for _, id := range []string{"contested", "free"} {
		wg.Go(func() {
			err := f.Update(t.Context(), func(tx *store.Tx) error {
				ran.Add(1)
				v, ok := f.things.GetTx(tx, here, id)
				if !ok {
					v = &thing{}
				}
				return f.things.Put(tx, here, id, &thing{Count: v.Count + 10})
			})
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
		})
	}
	eventually(t, "both have run", func() bool { return ran.Load() == 2 })
	g.commits.open()
	eventually(t, "the free row is written", func() bool { _, ok := other.things.Get(here, "free"); return ok })
	g.feed.open()
	wg.Wait()
	if r, _ := f.things.Get(here, "contested"); r.Value.Count != 12 {
		t.Errorf("the contested row is %d, want 12", r.Value.Count)
	}
	if r, _ := f.things.Get(here, "free"); r.Value.Count != 10 || ran.Load() < 3 {
		t.Errorf("the free row is %d after %d runs", r.Value.Count, ran.Load())
	}
}

func largeChanges(t *testing.T, backend New) {
	g := &gate{Backend: backend(t, 0)}
	f := start(t, g)
	items := make([]int, 5000)
	for i := range items {
		items[i] = i
	}
	add := func(tx *store.Tx, i int) error {
		return f.things.Create(tx, here, fmt.Sprintf("%04d", i), &thing{Group: "service", Slug: fmt.Sprint(i)})
	}
	done, err := store.UpdateEach(t.Context(), f, items, add)
	if err != nil || done != len(items) {
		t.Fatalf("%d are done: %v", done, err)
	}
	if n := f.things.Count(here, "group", "service"); n != len(items) {
		t.Errorf("%d rows are there", n)
	}
	for _, batch := range g.committed() {
		checkBatch(t, batch)
	}

	stop := errors.New("stop")
	done, err = store.UpdateEach(t.Context(), f, items, func(tx *store.Tx, i int) error {
		if i == 1000 {
			return stop
		}
		return f.things.Delete(tx, here, fmt.Sprintf("%04d", i))
	})
	if !errors.Is(err, stop) || done > 1000 || f.things.Len(here) != len(items)-done {
		t.Errorf("stopped: %d done, %d rows left, %v", done, f.things.Len(here), err)
	}
}

func limits(t *testing.T, backend New) {
	f := open(t, backend)
	err := f.Update(t.Context(), func(tx *store.Tx) error {
		f.things.Put(tx, here, "a", &thing{Text: strings.Repeat("x", store.MaxValue)})
		return nil // the transaction fails all the same
	})
	if !errors.Is(err, store.ErrTooLarge) || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("a value beyond the limit: %v", err)
	}
	f.put(t, "a", thing{Text: strings.Repeat("x", store.MaxValue-100)})
	err = f.Update(t.Context(), func(tx *store.Tx) error {
		for i := range store.MaxOps + 1 {
			if err := f.things.Put(tx, here, fmt.Sprint(i), &thing{}); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a transaction beyond the limit: %v", err)
	}
	f.update(t, func(tx *store.Tx) error {
		for i := range store.MaxOps {
			if err := f.things.Put(tx, here, fmt.Sprint(i), &thing{}); err != nil {
				return err
			}
		}
		return nil
	})
	f.update(t, func(tx *store.Tx) error {
		for i := range 3 {
			if err := f.things.Put(tx, here, fmt.Sprint(i), &thing{Text: strings.Repeat("x", store.MaxValue-100)}); err != nil {
				return err
			}
		}
		return nil
	})
	for name, id := range map[string]string{"no id": "", "a zero byte": "a\x00b"} {
		err := f.Update(t.Context(), func(tx *store.Tx) error { return f.things.Put(tx, here, id, &thing{}) })
		if err == nil {
			t.Errorf("an id with %s is accepted", name)
		}
	}
}

func quota(t *testing.T, backend New) {
	const limit = 4 << 20
	f := start(t, backend(t, limit))
	var err error
	written := 0
	for ; err == nil && written < 200; written++ {
		err = f.Update(t.Context(), func(tx *store.Tx) error {
			return f.things.Put(tx, here, fmt.Sprint(written), &thing{Text: strings.Repeat("x", 100_000)})
		})
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("after %d writes: %v", written, err)
	}
	if h := f.Health(t.Context()); !h.Full || h.Quota != limit || h.Size == 0 {
		t.Errorf("a full store's health is %+v", h)
	}
	for i := range written - 1 {
		f.remove(t, fmt.Sprint(i))
	}
	eventually(t, "there is room again", func() bool {
		return f.Update(t.Context(), func(tx *store.Tx) error { return f.things.Put(tx, here, "again", &thing{}) }) == nil
	})
	if h := f.Health(t.Context()); h.Full {
		t.Errorf("with room, its health is %+v", h)
	}
}

func fencing(t *testing.T, backend New) {
	b := backend(t, 0)
	f := start(t, b)
	successor := start(t, shared{b})
	first, err := f.Lead(t.Context(), "placement")
	if err != nil {
		t.Fatal(err)
	}
	write := func(on *fixture, l *store.Leader, id string) error {
		return l.Update(t.Context(), func(tx *store.Tx) error { return on.things.Put(tx, here, id, &thing{}) })
	}
	if err := write(f, first, "a"); err != nil {
		t.Errorf("the leader can't write: %v", err)
	}
	other, err := f.Lead(t.Context(), "dispatch")
	if err != nil {
		t.Fatal(err)
	}
	second, err := successor.Lead(t.Context(), "placement")
	if err != nil {
		t.Fatalf("the successor can't take over: %v", err)
	}
	if err := write(f, first, "b"); !errors.Is(err, store.ErrFenced) {
		t.Errorf("the replaced leader's write: %v", err)
	}
	if _, ok := f.things.Get(here, "b"); ok {
		t.Error("the replaced leader has written")
	}
	next(t, closing(first.Deposed()))
	if err := errors.Join(write(successor, second, "c"), write(f, other, "d")); err != nil {
		t.Errorf("a leader can't write: %v", err)
	}
	select {
	case <-second.Deposed():
		t.Error("the new leader is deposed")
	default:
	}
}

// closing turns the closing of a channel into an event.
func closing(done <-chan struct{}) <-chan struct{} {
	events := make(chan struct{}, 1)
	go func() {
		<-done
		events <- struct{}{}
	}()
	return events
}

func cancellation(t *testing.T, backend New) {
	g := &gate{Backend: backend(t, 0)}
	f := start(t, g)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	err := f.Update(gone, func(tx *store.Tx) error { return f.things.Put(tx, here, "a", &thing{}) })
	if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrInDoubt) {
		t.Errorf("before anything was sent: %v", err)
	}

	g.commits.hold()
	going, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		result <- f.Update(going, func(tx *store.Tx) error {
			defer cancel()
			return f.things.Put(tx, here, "b", &thing{})
		})
	}()
	if err := next(t, result); !errors.Is(err, store.ErrInDoubt) || !errors.Is(err, context.Canceled) {
		t.Errorf("while it was under way: %v", err)
	}
	g.commits.open()
	eventually(t, "what was under way arrives", func() bool { _, ok := f.things.Get(here, "b"); return ok })
}
