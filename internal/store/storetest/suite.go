// Package storetest holds the suite that every backend of the store passes, and what the tests of services need of the store:
// golden values ([Golden]).
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// New makes an empty backend for a test, with a quota in bytes when it isn't 0. The suite closes it.
type New func(t *testing.T, quota int64) store.Backend

// Run runs the whole suite.
func Run(t *testing.T, backend New) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, New)
	}{
		{"backend: a batch's mutations fail alone", mutationsFailAlone},
		{"backend: compares of keys and prefixes hold or don't", comparesHold},
		{"backend: a guard guards the whole batch", guardGuardsAll},
		{"backend: a watch delivers whole revisions in order", watchDeliversRevisions},
		{"backend: a watch of forgotten changes says so", watchOfForgottenChanges},
		{"rows are created, read, changed and deleted", rowsLive},
		{"scopes are apart", scopesAreApart},
		{"transactions see what they write themselves", transactionsSeeTheirWrites},
		{"a transaction that fails writes nothing", failureWritesNothing},
		{"what a transaction concluded is true", conclusionsHold},
		{"a prefix read conflicts with new rows", prefixReadsConflict},
		{"indexes follow the rows", indexesFollow},
		{"a unique key belongs to one row", uniqueKeys},
		{"pages survive changes", pagesSurviveChanges},
		{"writers read their own writes", writersReadTheirWrites},
		{"contended rows let every writer through", contention},
		{"mutations that arrive together commit together", groupCommit},
		{"a mutation that fails in a batch fails alone and is retried", retryOfOne},
		{"watchers get every change in order", watchOrder},
		{"watchers of a key see rows come and go", watchKey},
		{"a slow watcher gets the difference", slowWatcher},
		{"a feed behind a compaction gets the difference", resync},
		{"a broken feed is taken up again", brokenFeed},
		{"large changes go in pieces", largeChanges},
		{"limits are told", limits},
		{"tokens make a request happen once", tokens},
		{"a replaced leader is fenced", fencing},
		{"a full store refuses writes and accepts deletions", quota},
		{"a caller that goes away is told the truth", cancellation},
		{"an answer that does not come is told as that", inDoubt},
		{"a value that can't be read is named and stops the store", unreadable},
		{"clearing leaves what is to be kept", clearing},
		{"clearing comes between transactions", clearingAtOnce},
		{"members that are not known survive", unknownMembers},
		{"transactions are strictly serializable", serializable},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, backend) })
	}
}

// thing is what the suite's rows hold.
type thing struct {
	Name  string   `json:"name,omitzero"`
	Group string   `json:"group,omitzero"`
	Slug  string   `json:"slug,omitzero"`
	Count int      `json:"count,omitzero"`
	Text  string   `json:"text,omitzero"`
	Log   []string `json:"log,omitzero"`
	Parts []part   `json:"parts,omitzero"`
}

type part struct {
	Name string `json:"name"`
	Size int    `json:"size,omitzero"`
}

var (
	here  = store.Scope{Account: "000000000000", Region: "us-east-1"}
	there = store.Scope{Account: "000000000000", Region: "eu-west-1"}
)

// fixture is a started DB with the suite's table.
type fixture struct {
	*store.DB
	things *store.Table[thing]
}

// open starts a DB on a backend of its own.
func open(t *testing.T, backend New) *fixture {
	t.Helper()
	return start(t, backend(t, 0))
}

// start starts a DB on a backend, which is closed with it.
func start(t *testing.T, backend store.Backend) *fixture {
	t.Helper()
	db := store.New(backend, store.Config{CheckValues: true})
	f := &fixture{db, store.NewTable(db, "test", "thing",
		store.Index[thing]{Name: "group", Keys: func(_ string, v *thing) []string { return some(v.Group) }},
		store.Index[thing]{Name: "tally", Counted: true, Keys: func(_ string, v *thing) []string { return some(v.Group) }},
		store.Index[thing]{Name: "slug", Unique: true, Keys: func(_ string, v *thing) []string { return some(v.Slug) }},
	)}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := db.Start(t.Context()); err != nil {
		t.Fatalf("start: %v", err)
	}
	return f
}

func some(key string) []string {
	if key == "" {
		return nil
	}
	return []string{key}
}

// update commits or fails the test.
func (f *fixture) update(t *testing.T, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := f.Update(t.Context(), fn); err != nil {
		t.Fatalf("update: %v", err)
	}
}

// put writes one row.
func (f *fixture) put(t *testing.T, id string, v thing) {
	t.Helper()
	f.update(t, func(tx *store.Tx) error { return f.things.Put(tx, here, id, &v) })
}

// remove deletes one row.
func (f *fixture) remove(t *testing.T, id string) {
	t.Helper()
	f.update(t, func(tx *store.Tx) error { return f.things.Delete(tx, here, id) })
}

// patience is how long the suite waits for what must happen.
const patience = 20 * time.Second

// next is the next event of a watch.
func next[E any](t *testing.T, events <-chan E) E {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the watch ended")
		}
		return e
	case <-time.After(patience):
		t.Fatal("no event came")
	}
	panic("unreachable")
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for wait := time.Millisecond; !holds(); wait = min(2*wait, 50*time.Millisecond) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			t.Fatalf("it never came true that %s", what)
		}
	}
}
