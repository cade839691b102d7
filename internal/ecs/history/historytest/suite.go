// Package historytest is the conformance suite of history.History. Every implementation runs it in its own tests.
package historytest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/ecs/history"
	"github.com/berth-dev/berth/internal/store"
)

// Run runs the suite. open returns an empty history, closed by a cleanup of the test.
func Run(t *testing.T, open func(t *testing.T) history.History) {
	for name, test := range map[string]func(*testing.T, history.History){
		"records come back whole, and by their scope":            testGet,
		"a record put twice is there once, as it was put last":   testRepeat,
		"records are found by key in order of ids, page by page": testFind,
		"the latest are those that ended last":                   testLatest,
		"what is beyond the bounds goes, the oldest first":       testTrim,
		"changes are numbered in order and read from anywhere":   testChanges,
		"marks are those of the last append":                     testMarks,
		"only the newest changes stay":                           testTrimChanges,
		"clearing leaves nothing but the numbers":                testClear,
		"writers at the same time lose nothing":                  testConcurrent,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var (
	here  = store.Scope{Account: "000000000000", Region: "us-east-1"}
	there = store.Scope{Account: "000000000000", Region: "eu-west-1"}
	t0    = time.Date(2026, 11, 5, 12, 0, 0, 123456789, time.UTC)
)

// record is one that ended so many minutes after t0.
func record(id string, minutes int, keys ...string) history.Record {
	return history.Record{Scope: here, ID: id, Ended: t0.Add(time.Duration(minutes) * time.Minute), Keys: keys, Value: []byte("value of " + id)}
}

func put(t *testing.T, h history.History, records ...history.Record) {
	t.Helper()
	must(t, h.Put(t.Context(), records))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// ids are those that Find yields, up to a number of them.
func ids(t *testing.T, h history.History, key, after string, most int) string {
	t.Helper()
	var found []string
	for r, err := range h.Find(t.Context(), here, key, after) {
		must(t, err)
		if found = append(found, r.ID); len(found) == most {
			break
		}
	}
	return strings.Join(found, " ")
}

func testGet(t *testing.T, h history.History) {
	r := record("a", 1, "cluster/default", "family/default/\x00web")
	elsewhere := record("a", 2)
	elsewhere.Scope = there
	put(t, h, r, elsewhere)
	got, err := h.Get(t.Context(), here, "a")
	must(t, err)
	want(t, "the record", fmt.Sprintf("%v", got), fmt.Sprintf("%v", r))
	got, err = h.Get(t.Context(), there, "a")
	must(t, err)
	if !got.Ended.Equal(elsewhere.Ended) || len(got.Keys) != 0 {
		t.Errorf("of the other region: %+v", got)
	}
	if _, err := h.Get(t.Context(), here, "b"); !errors.Is(err, history.ErrNone) {
		t.Errorf("of another id: %v", err)
	}
	put(t, h) // of nothing
}

func testRepeat(t *testing.T, h history.History) {
	put(t, h, record("a", 1, "k", "old"))
	put(t, h, record("a", 1, "k", "old"))
	put(t, h, record("a", 5, "k", "new"))
	want(t, "by the key that stayed", ids(t, h, "k", "", 0), "a")
	want(t, "by the key that went", ids(t, h, "old", "", 0), "")
	want(t, "by the key that came", ids(t, h, "new", "", 0), "a")
	must(t, h.Trim(t.Context(), history.Keep{Since: t0.Add(3 * time.Minute), Records: 1, Surely: t0.Add(time.Hour), Changes: 1}))
	want(t, "after a trim by its first age", ids(t, h, "k", "", 0), "a")
}

func testFind(t *testing.T, h history.History) {
	other := record("z", 1, "k")
	other.Scope = there
	put(t, h, record("b", 9, "k"), record("d", 2, "k", "kk"), record("a", 3, "k"), record("c", 4, "kk"), other)
	want(t, "all", ids(t, h, "k", "", 0), "a b d")
	want(t, "first page", ids(t, h, "k", "", 2), "a b")
	want(t, "second page", ids(t, h, "k", "b", 2), "d")
	want(t, "after an id that is gone", ids(t, h, "k", "c", 0), "d")
	want(t, "a key that another begins", ids(t, h, "kk", "", 0), "c d")
	want(t, "no key", ids(t, h, "nothing", "", 0), "")
}

func testLatest(t *testing.T, h history.History) {
	put(t, h, record("a", 3, "k"), record("b", 9, "k"), record("c", 1, "k"), record("d", 5, "k"), record("e", 11))
	for n, ids := range map[int]string{0: "", 1: "b", 3: "b d a", 9: "b d a c"} {
		latest, err := h.Latest(t.Context(), here, "k", n)
		must(t, err)
		var got []string
		for _, r := range latest {
			got = append(got, r.ID)
		}
		want(t, fmt.Sprint(n), strings.Join(got, " "), ids)
	}
}

func testTrim(t *testing.T, h history.History) {
	for i := range 10 {
		put(t, h, record(fmt.Sprint(i), i, "k"))
	}
	at := func(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }
	for _, step := range []struct {
		keep history.Keep
		left string
	}{
		{history.Keep{Since: at(0), Records: 10, Surely: at(60)}, "0 1 2 3 4 5 6 7 8 9"},
		{history.Keep{Since: at(2), Records: 10, Surely: at(60)}, "2 3 4 5 6 7 8 9"},
		{history.Keep{Since: at(0), Records: 6, Surely: at(60)}, "4 5 6 7 8 9"},
		{history.Keep{Since: at(0), Records: 1, Surely: at(6)}, "6 7 8 9"},
		{history.Keep{Since: at(60), Records: 100, Surely: at(60)}, ""},
	} {
		must(t, h.Trim(t.Context(), step.keep))
		want(t, fmt.Sprintf("%+v", step.keep), ids(t, h, "k", "", 0), step.left)
	}
	if _, err := h.Get(t.Context(), here, "9"); !errors.Is(err, history.ErrNone) {
		t.Errorf("what is trimmed is still there: %v", err)
	}
	put(t, h, record("9", 9, "k"))
	want(t, "put again", ids(t, h, "k", "", 0), "9")
}

func changes(t *testing.T, h history.History, after uint64) (text string, numbers []uint64) {
	t.Helper()
	var got []string
	for c, err := range h.Changes(t.Context(), after) {
		must(t, err)
		got, numbers = append(got, string(c.Value)), append(numbers, c.Number)
	}
	for i := 1; i < len(numbers); i++ {
		if numbers[i] <= numbers[i-1] {
			t.Errorf("the numbers are %d", numbers)
		}
	}
	return strings.Join(got, " "), numbers
}

func of(words ...string) (values [][]byte) {
	for _, w := range words {
		values = append(values, []byte(w))
	}
	return values
}

func testChanges(t *testing.T, h history.History) {
	if h.LastChange() != 0 {
		t.Errorf("before the first one: %d", h.LastChange())
	}
	must(t, h.Append(t.Context(), of("a", "b"), nil))
	must(t, h.Append(t.Context(), nil, nil))
	must(t, h.Append(t.Context(), of("c"), nil))
	all, numbers := changes(t, h, 0)
	want(t, "all", all, "a b c")
	some, _ := changes(t, h, numbers[0])
	want(t, "after the first", some, "b c")
	none, _ := changes(t, h, h.LastChange())
	want(t, "after the last", none, "")
}

func testMarks(t *testing.T, h history.History) {
	must(t, h.Append(t.Context(), of("a"), history.Marks{"tasks": 7, "instances": 3}))
	must(t, h.Append(t.Context(), nil, history.Marks{"tasks": 9}))
	must(t, h.Put(t.Context(), []history.Record{record("a", 1)}))
	marks, err := h.Marks(t.Context())
	must(t, err)
	want(t, "marks", fmt.Sprint(marks), "map[instances:3 tasks:9]")
}

func testTrimChanges(t *testing.T, h history.History) {
	must(t, h.Append(t.Context(), of("a", "b", "c", "d"), history.Marks{"tasks": 7}))
	for _, keep := range []int{9, 2, 2} {
		must(t, h.Trim(t.Context(), history.Keep{Changes: keep}))
	}
	left, _ := changes(t, h, 0)
	want(t, "left", left, "c d")
	must(t, h.Append(t.Context(), of("e"), nil))
	left, _ = changes(t, h, 0)
	want(t, "with one more", left, "c d e")
}

func testClear(t *testing.T, h history.History) {
	put(t, h, record("a", 1, "k"))
	must(t, h.Append(t.Context(), of("a"), history.Marks{"tasks": 7}))
	last := h.LastChange()
	must(t, h.Clear(t.Context()))
	marks, err := h.Marks(t.Context())
	must(t, err)
	left, _ := changes(t, h, 0)
	want(t, "left", ids(t, h, "k", "", 0)+left+fmt.Sprint(marks), "map[]")
	must(t, h.Append(t.Context(), of("b"), nil))
	if _, numbers := changes(t, h, last); len(numbers) != 1 {
		t.Errorf("who had read up to %d misses what came after the clearing", last)
	}
}

func testConcurrent(t *testing.T, h history.History) {
	var work sync.WaitGroup
	for w := range 4 {
		work.Go(func() {
			for i := range 50 {
				id := fmt.Sprintf("%d-%02d", w, i)
				if err := h.Put(t.Context(), []history.Record{record(id, i, "k")}); err != nil {
					t.Error(err)
				}
				if err := h.Append(t.Context(), of(id), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Go(func() {
		for range 20 {
			if err := h.Trim(t.Context(), history.Keep{Since: t0, Records: 1000, Surely: t0, Changes: 1000}); err != nil {
				t.Error(err)
			}
		}
	})
	work.Wait()
	if n := len(strings.Fields(ids(t, h, "k", "", 0))); n != 200 {
		t.Errorf("%d of 200 records are there", n)
	}
	if _, numbers := changes(t, h, 0); len(numbers) != 200 {
		t.Errorf("%d of 200 changes are there", len(numbers))
	}
	must(t, h.Trim(t.Context(), history.Keep{Since: t0, Records: 10, Surely: t0.Add(time.Hour), Changes: 10}))
	if n := len(strings.Fields(ids(t, h, "k", "", 0))); n != 10 {
		t.Errorf("%d of 10 records stay", n)
	}
}
