package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/berth-dev/berth/internal/store"
)

// mute is a backend that does what it is asked and doesn't answer, once it is told to.
type mute struct {
	store.Backend
	on bool
}

func (m *mute) Commit(ctx context.Context, batch store.Batch) (store.Outcome, error) {
	out, err := m.Backend.Commit(ctx, batch)
	if m.on && err == nil {
		return store.Outcome{}, store.ErrInDoubt
	}
	return out, err
}

func inDoubt(t *testing.T, backend New) {
	m := &mute{Backend: backend(t, 0)}
	f := start(t, m)
	f.put(t, "a", thing{Count: 1})
	m.on = true
	runs := 0
	err := f.Update(t.Context(), func(tx *store.Tx) error {
		runs++
		return f.things.Modify(tx, here, "a", func(v *thing) error { v.Count++; return nil })
	})
	if !errors.Is(err, store.ErrInDoubt) || runs != 1 {
		t.Errorf("after %d runs: %v", runs, err)
	}
	eventually(t, "what was done shows", func() bool { r, _ := f.things.Get(here, "a"); return r.Value.Count == 2 })
}

func unreadable(t *testing.T, backend New) {
	b := backend(t, 0)
	f := start(t, b)
	f.put(t, "a", thing{Count: 1})
	_, events := f.things.Watch(t.Context())
	damaged := store.Root + here.String() + "/test/thing/b"
	commit(t, b, store.Batch{Mutations: []store.Mutation{mutation(store.Write{Key: damaged, Value: []byte(`{"count":"many"}`)})}})
	eventually(t, "the health says it", func() bool { return f.Health(t.Context()).Err != nil })
	err := f.Update(t.Context(), func(tx *store.Tx) error { return f.things.Put(tx, here, "c", &thing{}) })
	for what, err := range map[string]error{"its health": f.Health(t.Context()).Err, "an update": err} {
		if err == nil || !strings.Contains(err.Error(), damaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if r, ok := f.things.Get(here, "a"); !ok || r.Value.Count != 1 {
		t.Errorf("what was read before is %+v, %v", r, ok)
	}
	select {
	case e := <-events:
		t.Errorf("an event came: %s", say(e))
	default:
	}

	again := store.New(shared{b}, store.Config{})
	defer again.Close()
	store.NewTable[thing](again, "test", "thing")
	if err := again.Start(t.Context()); err == nil || !strings.Contains(err.Error(), damaged) {
		t.Errorf("a start: %v", err)
	}
}

func clearing(t *testing.T, backend New) {
	db := store.New(backend(t, 0), store.Config{CheckValues: true})
	defer db.Close()
	slug := store.Index[thing]{Name: "slug", Unique: true, Keys: func(_ string, v *thing) []string { return some(v.Slug) }}
	kept := store.NewTable(db, "test", "kept", slug)
	gone := store.NewTable(db, "test", "gone", slug)
	if err := db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	leader, err := db.Lead(t.Context(), "placement")
	if err != nil {
		t.Fatal(err)
	}
	fill := func(tx *store.Tx) error {
		for _, scope := range []store.Scope{here, there, {}} {
			if err := errors.Join(kept.Put(tx, scope, "a", &thing{Slug: "s"}), gone.Create(tx, scope, "a", &thing{Slug: "s"})); err != nil {
				return err
			}
		}
		return nil
	}
	if err := leader.Update(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	if err := db.Clear(t.Context(), "test/kept"); err != nil {
		t.Fatal(err)
	}
	for _, scope := range []store.Scope{here, there, {}} {
		if kept.Len(scope) != 1 || gone.Len(scope) != 0 {
			t.Errorf("%v: %d rows are kept, %d are left", scope, kept.Len(scope), gone.Len(scope))
		}
	}
	if err := leader.Update(t.Context(), fill); err != nil {
		t.Errorf("to begin anew: %v", err)
	}
}

// clearingAtOnce clears while others write. Each child names the parent that it was written beside: one that outlived its parent would
// be half of what a transaction found whole.
func clearingAtOnce(t *testing.T, backend New) {
	f := start(t, slow{backend(t, 0)})
	var many []int
	for i := range 600 { // more than one transaction deletes
		many = append(many, i)
	}
	_, err := store.UpdateEach(t.Context(), f.DB, many, func(tx *store.Tx, i int) error {
		return f.things.Put(tx, here, fmt.Sprint("a ", i), &thing{})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				err := f.Update(t.Context(), func(tx *store.Tx) error {
					parent, ok := f.things.GetTx(tx, here, "parent")
					if !ok {
						parent = &thing{Name: fmt.Sprint(w, "-", i)}
						if err := f.things.Put(tx, here, "parent", parent); err != nil {
							return err
						}
					}
					return f.things.Put(tx, here, fmt.Sprint("z ", w, " ", i), &thing{Name: parent.Name, Group: "children"})
				})
				if err != nil {
					t.Errorf("write beside the clearing: %v", err)
				}
			}
		})
	}
	for range 5 {
		eventually(t, "there are children", func() bool { return f.things.Count(here, "group", "children") > 20 })
		if err := f.Clear(t.Context()); err != nil {
			t.Errorf("clear: %v", err)
		}
	}
	stop()
	writers.Wait()
	parent, _ := f.things.Get(here, "parent")
	for child := range f.things.Find(here, "group", "children") {
		if parent.Value == nil || child.Value.Name != parent.Value.Name {
			t.Fatalf("%s outlived its parent: %+v, the parent is %+v", child.ID, child.Value, parent.Value)
		}
	}
}
