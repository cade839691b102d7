package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/berth-dev/berth/internal/store"
)

// say is an event in short: "a:1>2@", with - for an absent row.
func say(e store.Event[thing]) string {
	id, old, now := "", "-", "-"
	if e.Old != nil {
		id, old = e.Old.ID, fmt.Sprint(e.Old.Value.Count)
	}
	if e.New != nil {
		id, now = e.New.ID, fmt.Sprint(e.New.Value.Count)
	}
	return id + ":" + old + ">" + now
}

func watchOrder(t *testing.T, backend New) {
	f := open(t, backend)
	f.put(t, "a", thing{Count: 1})
	ctx, cancel := context.WithCancel(t.Context())
	rows, events := f.things.Watch(ctx)
	if len(rows) != 1 || rows[0].ID != "a" {
		t.Fatalf("the watch begins with %+v", rows)
	}
	f.put(t, "b", thing{Count: 1})
	f.put(t, "a", thing{Count: 2})
	f.remove(t, "b")
	f.put(t, "b", thing{Count: 3})
	var last int64
	for _, want := range []string{"b:->1", "a:1>2", "b:1>-", "b:->3"} {
		e := next(t, events)
		if say(e) != want {
			t.Errorf("the event is %s, want %s", say(e), want)
		}
		if e.Revision <= last {
			t.Errorf("revision %d comes after %d", e.Revision, last)
		}
		last = e.Revision
	}
	cancel()
	for range events {
		t.Error("an event came out of nothing")
	}
}

func watchKey(t *testing.T, backend New) {
	f := open(t, backend)
	f.put(t, "a", thing{Group: "g", Count: 1})
	f.put(t, "z", thing{Group: "h", Count: 1})
	rows, events := f.things.WatchKey(t.Context(), here, "group", "g")
	if len(rows) != 1 || rows[0].ID != "a" {
		t.Fatalf("the watch begins with %+v", rows)
	}
	f.put(t, "z", thing{Group: "h", Count: 2})
	f.put(t, "z", thing{Group: "g", Count: 3})
	f.put(t, "a", thing{Group: "g", Count: 2})
	f.put(t, "a", thing{Group: "h", Count: 3})
	f.remove(t, "a")
	f.remove(t, "z")
	for _, want := range []string{"z:->3", "a:1>2", "a:2>-", "z:3>-"} {
		if got := say(next(t, events)); got != want {
			t.Errorf("the event is %s, want %s", got, want)
		}
	}
}

func slowWatcher(t *testing.T, backend New) {
	f := open(t, backend)
	f.put(t, "stays", thing{Count: 0})
	f.put(t, "goes", thing{Count: 7})
	_, events := f.things.Watch(t.Context())
	const rounds = 3000 // two events each: more than wait for one reader
	for i := range rounds {
		f.update(t, func(tx *store.Tx) error {
			if err := f.things.Put(tx, here, "stays", &thing{Count: i + 1}); err != nil {
				return err
			}
			return f.things.Put(tx, here, "comes", &thing{Count: i})
		})
	}
	f.remove(t, "goes")
	f.put(t, "last", thing{})
	seen := map[string]int{}
	count := 0
	var revision int64
	for {
		e := next(t, events)
		count++
		if e.Revision < revision {
			t.Fatalf("revision %d comes after %d", e.Revision, revision)
		}
		revision = e.Revision
		if e.New == nil {
			seen[e.Old.ID] = -1
			continue
		}
		if e.Old != nil && e.Old.Value.Count >= e.New.Value.Count {
			t.Fatalf("the event is %s", say(e))
		}
		if e.New.ID == "last" {
			break
		}
		seen[e.New.ID] = e.New.Value.Count
	}
	if seen["stays"] != rounds || seen["comes"] != rounds-1 || seen["goes"] != -1 {
		t.Errorf("the watcher ends with %v", seen)
	}
	if count >= 2*rounds {
		t.Errorf("%d events came one by one", count)
	}
}

// resync has a DB miss changes that are compacted away before it can read them.
func resync(t *testing.T, backend New) {
	b := backend(t, 0)
	writer := start(t, b)
	writer.put(t, "changed", thing{Count: 1, Group: "g"})
	writer.put(t, "deleted", thing{Count: 1, Group: "g", Slug: "s"})
	writer.put(t, "same", thing{Count: 1, Group: "g"})
	g := &gate{Backend: shared{b}}
	f := start(t, g)
	_, events := f.things.Watch(t.Context())

	g.feed.hold()
	writer.put(t, "passing", thing{})
	writer.put(t, "changed", thing{Count: 2, Group: "h"})
	writer.put(t, "changed", thing{Count: 3, Group: "h"})
	writer.remove(t, "deleted")
	writer.remove(t, "passing")
	writer.put(t, "created", thing{Count: 1, Slug: "s"})
	if err := writer.Compact(t.Context()); err != nil {
		t.Fatalf("compact: %v", err)
	}
	g.feed.open()

	for _, want := range []string{"changed:1>3", "created:->1", "deleted:1>-"} {
		if got := say(next(t, events)); got != want {
			t.Errorf("the event is %s, want %s", got, want)
		}
	}
	if n, m := f.things.Count(here, "group", "g"), f.things.Count(here, "group", "h"); n != 1 || m != 1 {
		t.Errorf("the groups have %d and %d rows", n, m)
	}
	if r, ok := f.things.FindOne(here, "slug", "s"); !ok || r.ID != "created" {
		t.Errorf("the slug finds %+v, %v", r, ok)
	}
	writer.put(t, "after", thing{Count: 1})
	if got := say(next(t, events)); got != "after:->1" {
		t.Errorf("the feed resumes with %s", got)
	}
}

// brokenFeed has a feed end and begin again where it ended.
func brokenFeed(t *testing.T, backend New) {
	b := backend(t, 0)
	writer := start(t, b)
	g := &gate{Backend: shared{b}}
	f := start(t, g)
	_, events := f.things.Watch(t.Context())
	writer.put(t, "a", thing{Count: 1})
	if got := say(next(t, events)); got != "a:->1" {
		t.Fatalf("the event is %s", got)
	}
	g.feed.hold()
	writer.put(t, "a", thing{Count: 2})
	writer.put(t, "a", thing{Count: 3})
	g.feed.open()
	for _, want := range []string{"a:1>2", "a:2>3"} {
		if got := say(next(t, events)); got != want {
			t.Errorf("the event is %s, want %s", got, want)
		}
	}
}
