package journaltest

import (
	"testing"

	"github.com/berth-dev/berth/internal/logs/journal"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// batch is a batch of events of one time, ingested a second later.
func batch(time int64, messages ...string) journal.Batch {
	b := journal.Batch{Now: time + 1000}
	for _, m := range messages {
		b.Events = append(b.Events, journal.NewEvent{Time: time, Message: m})
	}
	return b
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

func messages(t testing.TB, j journal.Journal, group journal.GroupID, q journal.Query) string {
	t.Helper()
	got := ""
	for e, err := range j.Scan(t.Context(), group, q) {
		must(t, err)
		got = joined(got, e.Message)
	}
	return got
}

func names(t testing.TB, j journal.Journal, group journal.GroupID, prefix, after string) string {
	t.Helper()
	got := ""
	for s, err := range j.Streams(t.Context(), group, prefix, after) {
		must(t, err)
		got = joined(got, s.Name)
	}
	return got
}
