package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/berth-dev/berth/internal/store"
)

func key(name string) string { return store.Root + "a/r/test/raw/" + name }

func put(name, value string) store.Write { return store.Write{Key: key(name), Value: []byte(value)} }

func mutation(write store.Write, compares ...store.Compare) store.Mutation {
	return store.Mutation{Compares: compares, Writes: []store.Write{write}}
}

func commit(t *testing.T, b store.Backend, batch store.Batch) store.Outcome {
	t.Helper()
	out, err := b.Commit(t.Context(), batch)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return out
}

// contents is what a snapshot holds, by name.
func contents(t *testing.T, b store.Backend) (map[string]string, int64) {
	t.Helper()
	got := map[string]string{}
	revision, err := b.Snapshot(t.Context(), func(item store.Item) error {
		got[item.Key[len(key("")):]] = string(item.Value)
		return nil
	})
	if err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	return got, revision
}

func mutationsFailAlone(t *testing.T, backend New) {
	b := backend(t, 0)
	defer b.Close()
	out := commit(t, b, store.Batch{Mutations: []store.Mutation{
		mutation(put("a", "1")),
		mutation(put("b", "1"), store.Compare{Key: key("b"), Revision: 99}),
		mutation(put("c", "1"), store.Compare{Key: key("c"), Revision: 0}),
	}})
	if !slices.Equal(out.Applied, []bool{true, false, true}) {
		t.Fatalf("applied: %v", out.Applied)
	}
	got, revision := contents(t, b)
	if fmt.Sprint(got) != "map[a:1 c:1]" || revision != out.Revision {
		t.Fatalf("the state is %v at %d, committed at %d", got, revision, out.Revision)
	}
	again := commit(t, b, store.Batch{Mutations: []store.Mutation{
		mutation(store.Write{Key: key("a"), Delete: true}, store.Compare{Key: key("a"), Revision: out.Revision}),
	}})
	if !again.Applied[0] || again.Revision != out.Revision+1 {
		t.Fatalf("the deletion: %+v after %d", again, out.Revision)
	}
}

func comparesHold(t *testing.T, backend New) {
	b := backend(t, 0)
	defer b.Close()
	first := commit(t, b, store.Batch{Mutations: []store.Mutation{mutation(put("dir/a", "1"))}})
	for _, test := range []struct {
		name    string
		compare store.Compare
		want    bool
	}{
		{"a key at its revision", store.Compare{Key: key("dir/a"), Revision: first.Revision}, true},
		{"a key at another revision", store.Compare{Key: key("dir/a"), Revision: first.Revision - 1}, false},
		{"a present key as absent", store.Compare{Key: key("dir/a")}, false},
		{"an absent key as absent", store.Compare{Key: key("dir/b")}, true},
		{"an absent key as present", store.Compare{Key: key("dir/b"), Revision: first.Revision}, false},
		{"a prefix since its last write", store.Compare{Key: key("dir/"), Prefix: true, Revision: first.Revision}, true},
		{"a prefix since before its last write", store.Compare{Key: key("dir/"), Prefix: true, Revision: first.Revision - 1}, false},
		{"a prefix without keys", store.Compare{Key: key("other/"), Prefix: true}, true},
	} {
		out := commit(t, b, store.Batch{Mutations: []store.Mutation{mutation(put("result", "1"), test.compare)}})
		if out.Applied[0] != test.want {
			t.Errorf("%s: %v", test.name, out.Applied[0])
		}
	}
}

func guardGuardsAll(t *testing.T, backend New) {
	b := backend(t, 0)
	defer b.Close()
	lead := commit(t, b, store.Batch{Mutations: []store.Mutation{mutation(put("leader", "me"))}})
	guard := &store.Compare{Key: key("leader"), Revision: lead.Revision}
	out := commit(t, b, store.Batch{Guard: guard, Mutations: []store.Mutation{mutation(put("a", "1"))}})
	if out.Fenced || !out.Applied[0] {
		t.Fatalf("under its own leader: %+v", out)
	}
	commit(t, b, store.Batch{Mutations: []store.Mutation{mutation(put("leader", "you"))}})
	out = commit(t, b, store.Batch{Guard: guard, Mutations: []store.Mutation{mutation(put("a", "2")), mutation(put("b", "2"))}})
	if !out.Fenced {
		t.Fatalf("under another leader: %+v", out)
	}
	if got, _ := contents(t, b); got["a"] != "1" || got["b"] != "" {
		t.Fatalf("a fenced batch wrote: %v", got)
	}
}

// errEnough ends a watch that has seen what it waits for.
var errEnough = errors.New("enough")

func watchDeliversRevisions(t *testing.T, backend New) {
	b := backend(t, 0)
	defer b.Close()
	_, from := contents(t, b)
	var want []string
	for i := range 20 {
		out := commit(t, b, store.Batch{Mutations: []store.Mutation{
			mutation(put("a", fmt.Sprint(i))), mutation(put(fmt.Sprintf("b%d", i), "x")),
		}})
		want = append(want, fmt.Sprintf("%d a=%d b%d=x", out.Revision, i, i))
	}
	last := commit(t, b, store.Batch{Mutations: []store.Mutation{mutation(store.Write{Key: key("a"), Delete: true})}})
	want = append(want, fmt.Sprintf("%d a deleted", last.Revision))

	got := map[int64]string{}
	var order []int64
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := b.Watch(ctx, from+1, func(changes []store.Change) error {
		for _, c := range changes {
			if got[c.Revision] == "" {
				order = append(order, c.Revision)
				got[c.Revision] = fmt.Sprint(c.Revision)
			}
			text := "=" + string(c.Value)
			if c.Deleted {
				text = " deleted"
			}
			got[c.Revision] += " " + c.Key[len(key("")):] + text
		}
		if changes[len(changes)-1].Revision >= last.Revision {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("the watch ended with %v", err)
	}
	for i, revision := range order {
		if got[revision] != want[i] {
			t.Errorf("change %d is %q, want %q", i, got[revision], want[i])
		}
	}
	if len(order) != len(want) {
		t.Errorf("%d revisions came, want %d", len(order), len(want))
	}
}

func watchOfForgottenChanges(t *testing.T, backend New) {
	b := backend(t, 0)
	defer b.Close()
	var last store.Outcome
	first := commit(t, b, store.Batch{Mutations: []store.Mutation{mutation(put("a", "0"))}})
	for i := range 5 {
		last = commit(t, b, store.Batch{Mutations: []store.Mutation{mutation(put("a", fmt.Sprint(i)))}})
	}
	if err := b.Compact(t.Context(), last.Revision); err != nil {
		t.Fatalf("compact: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := b.Watch(ctx, first.Revision, func([]store.Change) error { return nil })
	if !errors.Is(err, store.ErrCompacted) {
		t.Fatalf("a watch of forgotten changes says %v", err)
	}
	if got, _ := contents(t, b); got["a"] != "4" {
		t.Fatalf("the present value went with the past ones: %v", got)
	}
}
