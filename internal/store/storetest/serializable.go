package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/store"
	"pgregory.net/rapid"
)

// serializable runs random transactions at the same time and looks for an order, one after the other, in which each of them would have
// read what it read. Every write appends its name to a row's log, so that the logs tell the order of writes (as the list-append
// workload of Elle does). On one DB that order must also respect what had ended before what began.
func serializable(t *testing.T, backend New) {
	b := slow{backend(t, 0)}
	one := start(t, b)
	two := start(t, shared{b})
	for _, test := range []struct {
		name   string
		dbs    []*fixture
		strict bool
	}{{"on one DB", []*fixture{one}, true}, {"on two DBs", []*fixture{one, two}, false}} {
		t.Run(test.name, func(t *testing.T) {
			var runs atomic.Int64
			rapid.Check(t, func(rt *rapid.T) {
				scope := store.Scope{Account: fmt.Sprint(runs.Add(1)), Region: fmt.Sprint(len(test.dbs))}
				clients := rapid.SliceOfN(rapid.SliceOfN(rapid.SliceOfN(steps, 1, 4), 1, 6), 2, 6).Draw(rt, "clients")
				h := perform(t, test.dbs, scope, clients)
				if err := h.check(test.strict); err != nil {
					rt.Fatal(err)
				}
			})
		})
	}
}

// slow is a backend that leaves transactions the time to meet in one batch.
type slow struct{ store.Backend }

func (s slow) Commit(ctx context.Context, batch store.Batch) (store.Outcome, error) {
	time.Sleep(rand.N(200 * time.Microsecond))
	return s.Backend.Commit(ctx, batch)
}

// step is what a transaction does with one row, or with all.
type step struct {
	Row int
	Do  string
}

const rowCount = 4

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{rapid.IntRange(0, rowCount-1).Draw(t, "row"), rapid.SampledFrom([]string{"read", "append", "append", "read all"}).Draw(t, "do")}
})

// deed is a transaction that was done.
type deed struct {
	name       string
	read       map[string][]string // logs as first read, by row
	wrote      map[string]bool
	began, end int64
	committed  bool
}

type history struct {
	deeds []*deed
	logs  map[string][]string // at the end
}

// perform runs every client's transactions, one client beside the other.
func perform(t *testing.T, dbs []*fixture, scope store.Scope, clients [][][]step) *history {
	h := &history{logs: map[string][]string{}}
	var clock atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for c, transactions := range clients {
		f := dbs[c%len(dbs)]
		wg.Go(func() {
			for i, steps := range transactions {
				d := &deed{name: fmt.Sprintf("%d.%d", c, i), began: clock.Add(1)}
				err := f.Update(t.Context(), func(tx *store.Tx) error { return f.do(tx, scope, steps, d) })
				d.end, d.committed = clock.Add(1), err == nil
				if err != nil && !errors.Is(err, store.ErrConflict) {
					t.Errorf("transaction %s: %v", d.name, err)
				}
				mu.Lock()
				h.deeds = append(h.deeds, d)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	// The last word is had in a transaction that conflicts with whatever the DB has not seen.
	f := dbs[0]
	err := f.Update(t.Context(), func(tx *store.Tx) error {
		h.logs = map[string][]string{}
		for _, r := range f.things.FindTx(tx, scope, "group", "all") {
			h.logs[r.ID] = r.Value.Log
		}
		return f.things.Put(tx, scope, "end", &thing{})
	})
	if err != nil {
		t.Errorf("read the end: %v", err)
	}
	return h
}

func (f *fixture) do(tx *store.Tx, scope store.Scope, steps []step, d *deed) error {
	d.read, d.wrote = map[string][]string{}, map[string]bool{}
	note := func(id string, log []string) {
		if _, ok := d.read[id]; !ok && !d.wrote[id] {
			d.read[id] = log
		}
	}
	for _, s := range steps {
		id := fmt.Sprint(s.Row)
		if s.Do == "read all" {
			found := map[string][]string{}
			for _, r := range f.things.FindTx(tx, scope, "group", "all") {
				found[r.ID] = r.Value.Log
			}
			for row := range rowCount {
				note(fmt.Sprint(row), found[fmt.Sprint(row)])
			}
			continue
		}
		var log []string
		if v, ok := f.things.GetTx(tx, scope, id); ok {
			log = v.Log
		}
		note(id, log)
		if s.Do == "append" && !d.wrote[id] {
			d.wrote[id] = true
			if err := f.things.Put(tx, scope, id, &thing{Group: "all", Log: append(slices.Clip(log), d.name)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// check looks for a write that was lost or came twice, a read of what never was, and a circle among the transactions.
func (h *history) check(strict bool) error {
	after := map[string]map[string]string{} // which comes after which, and why
	add := func(first, second, why string) {
		if first == second {
			return
		}
		if after[first] == nil {
			after[first] = map[string]string{}
		}
		after[first][second] = why
	}
	for _, d := range h.deeds {
		for id := range d.wrote {
			n := 0
			for _, name := range h.logs[id] {
				if name == d.name {
					n++
				}
			}
			if d.committed && n != 1 || !d.committed && n != 0 {
				return fmt.Errorf("%s (committed: %v) is %d times in row %s: %v", d.name, d.committed, n, id, h.logs[id])
			}
		}
		if !d.committed {
			continue
		}
		for id, log := range d.read {
			n := len(log)
			if n > len(h.logs[id]) || !slices.Equal(log, h.logs[id][:n]) {
				return fmt.Errorf("%s read %v of row %s, which became %v", d.name, log, id, h.logs[id])
			}
			if n > 0 {
				add(log[n-1], d.name, "wrote what it read in row "+id)
			}
			if n < len(h.logs[id]) {
				add(d.name, h.logs[id][n], "did not see its write of row "+id)
			}
		}
		for _, other := range h.deeds {
			if strict && other.committed && d.end < other.began {
				add(d.name, other.name, "ended before it began")
			}
		}
	}
	for id, log := range h.logs {
		for i := 1; i < len(log); i++ {
			add(log[i-1], log[i], "wrote row "+id+" before it")
		}
	}
	return circle(after)
}

// circle says how some transaction comes before itself.
func circle(after map[string]map[string]string) error {
	state := map[string]int{} // 1: on the path, 2: done
	var visit func(name string) error
	visit = func(name string) error {
		state[name] = 1
		for other, why := range after[name] {
			if state[other] == 1 {
				return fmt.Errorf("%s %s %s", name, why, other)
			}
			if state[other] == 0 {
				if err := visit(other); err != nil {
					return fmt.Errorf("%s %s %s; %w", name, why, other, err)
				}
			}
		}
		state[name] = 2
		return nil
	}
	for name := range after {
		if state[name] == 0 {
			if err := visit(name); err != nil {
				return fmt.Errorf("there is no order: %w", err)
			}
		}
	}
	return nil
}
