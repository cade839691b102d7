// Package journaltest is the conformance suite of journal.Journal. Every implementation runs it in its own tests.
package journaltest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/berth-dev/berth/internal/logs/journal"
)

// Run runs the suite. open returns an empty journal, closed by a cleanup of the test.
func Run(t *testing.T, open func(t testing.TB) journal.Journal) {
	for name, test := range map[string]func(*testing.T, journal.Journal){
		"streams are made once, listed by name and deleted":        testStreams,
		"events come back by time, those of one time as they came": testOrder,
		"streams of a group are merged by time":                    testMerge,
		"bounds are exclusive and hold in both directions":         testBounds,
		"a batch that repeats offsets of its source is refused":    testOffsets,
		"a stream made anew starts empty":                          testRecreate,
		"expired events go and the counts follow":                  testExpire,
		"a dropped group leaves nothing and its neighbours alone":  testDrop,
		"writers of many streams and of one stream don't lose":     testConcurrent,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
	t.Run("any history reads as the model says", func(t *testing.T) { testModel(t, open) })
}

const (
	groupA journal.GroupID = 0xa000_0000_0000_0001
	groupB journal.GroupID = 0xa000_0000_0000_0002
)

func testStreams(t *testing.T, j journal.Journal) {
	for _, name := range []string{"web/b", "web/a", "api/x", "web/a/long"} {
		must(t, j.CreateStream(t.Context(), groupA, name, 1000))
	}
	must(t, j.CreateStream(t.Context(), groupB, "web/other", 1000))
	if err := j.CreateStream(t.Context(), groupA, "web/a", 2000); !errors.Is(err, journal.ErrStreamExists) {
		t.Fatalf("making it again: %v, want ErrStreamExists", err)
	}
	equal(t, "all", names(t, j, groupA, "", ""), "api/x web/a web/a/long web/b")
	equal(t, "prefix", names(t, j, groupA, "web/a", ""), "web/a web/a/long")
	equal(t, "prefix and after", names(t, j, groupA, "web/", "web/a"), "web/a/long web/b")
	equal(t, "after a name that is absent", names(t, j, groupA, "", "b"), "web/a web/a/long web/b")
	s, err := j.Stream(t.Context(), groupA, "web/b")
	must(t, err)
	if s.Created != 1000 || s.First != 0 || s.Last != 0 || s.Bytes != 0 || s.Name != "web/b" {
		t.Fatalf("new stream: %+v", s)
	}
	must(t, j.DeleteStream(t.Context(), groupA, "web/b"))
	if err := j.DeleteStream(t.Context(), groupA, "web/b"); !errors.Is(err, journal.ErrNoStream) {
		t.Fatalf("deleting it again: %v, want ErrNoStream", err)
	}
	if err := j.Append(t.Context(), groupA, "web/b", batch(5, "x")); !errors.Is(err, journal.ErrNoStream) {
		t.Fatalf("appending to a deleted stream: %v, want ErrNoStream", err)
	}
	if _, err := j.Stream(t.Context(), groupB, "web/a"); !errors.Is(err, journal.ErrNoStream) {
		t.Fatalf("stream of another group: %v, want ErrNoStream", err)
	}
}

func testOrder(t *testing.T, j journal.Journal) {
	must(t, j.CreateStream(t.Context(), groupA, "s", 1))
	must(t, j.Append(t.Context(), groupA, "s", batch(100, "a", "b", "c")))
	must(t, j.Append(t.Context(), groupA, "s", batch(90, "late")))
	must(t, j.Append(t.Context(), groupA, "s", batch(100, "d")))
	equal(t, "forward", messages(t, j, groupA, journal.Query{}), "late a b c d")
	equal(t, "backward", messages(t, j, groupA, journal.Query{Backward: true}), "d c b a late")
	s, err := j.Stream(t.Context(), groupA, "s")
	must(t, err)
	if s.First != 90 || s.Last != 100 || s.Ingested != 1100 || s.Appended != 5 || s.Bytes != 8+5*journal.EventOverhead {
		t.Fatalf("stream: %+v", s)
	}
	for e, err := range j.Scan(t.Context(), groupA, journal.Query{}) {
		must(t, err)
		if e.Ingested != e.Time+1000 && e.Message != "late" || e.Stream != "s" {
			t.Fatalf("event: %+v", e)
		}
	}
}

func testMerge(t *testing.T, j journal.Journal) {
	want := ""
	for i := range 300 {
		name := fmt.Sprintf("s%d", i%7)
		if i < 7 {
			must(t, j.CreateStream(t.Context(), groupA, name, 1))
		}
		must(t, j.Append(t.Context(), groupA, name, batch(int64(10+i), fmt.Sprint(i))))
		want = joined(want, fmt.Sprint(i))
	}
	equal(t, "all", messages(t, j, groupA, journal.Query{}), want)
	equal(t, "two, one of them twice, and an absent one", messages(t, j, groupA, journal.Query{Streams: []string{"s3", "s1", "s3", "no"}, Before: journal.Position{Time: 28}}), "1 3 8 10 15 17")
	equal(t, "none", messages(t, j, groupA, journal.Query{Streams: []string{}}), "")
	equal(t, "prefix", messages(t, j, groupA, journal.Query{Prefix: "s6", After: journal.Position{Time: 290}}), "286 293")
}

func testBounds(t *testing.T, j journal.Journal) {
	for _, name := range []string{"s", "t"} {
		must(t, j.CreateStream(t.Context(), groupA, name, 1))
		for i := range 9 {
			must(t, j.Append(t.Context(), groupA, name, batch(int64(1+i/3), fmt.Sprint(name, i))))
		}
	}
	var all []journal.Event
	for e, err := range j.Scan(t.Context(), groupA, journal.Query{}) {
		must(t, err)
		all = append(all, e)
	}
	if len(all) != 18 {
		t.Fatalf("%d events, want 18", len(all))
	}
	for i := range all {
		for k := range all {
			want := ""
			for n := i + 1; n < k; n++ {
				want = joined(want, all[n].Message)
			}
			q := journal.Query{After: all[i].Position, Before: all[k].Position}
			equal(t, fmt.Sprintf("between %d and %d", i, k), messages(t, j, groupA, q), want)
			q.Backward = true
			want = ""
			for n := k - 1; n > i; n-- {
				want = joined(want, all[n].Message)
			}
			equal(t, fmt.Sprintf("backward between %d and %d", i, k), messages(t, j, groupA, q), want)
		}
	}
	equal(t, "time bounds", messages(t, j, groupA, journal.Query{Streams: []string{"s"}, After: journal.Position{Time: 2}, Before: journal.Position{Time: 3}}), "s3 s4 s5")
}

func testOffsets(t *testing.T, j journal.Journal) {
	must(t, j.CreateStream(t.Context(), groupA, "s", 1))
	from := func(source string, first, end uint64, message string) error {
		b := batch(int64(10+first), message)
		b.Source, b.First, b.End = source, first, end
		return j.Append(t.Context(), groupA, "s", b)
	}
	must(t, from("c1", 0, 10, "a"))
	must(t, from("c1", 10, 20, "b"))
	for _, repeat := range [][2]uint64{{0, 10}, {10, 20}, {0, 20}, {0, 30}, {15, 30}, {19, 20}} {
		var refused *journal.OffsetError
		if err := from("c1", repeat[0], repeat[1], "repeat"); !errors.As(err, &refused) || refused.Next != 20 {
			t.Fatalf("offsets %v: %v, want an OffsetError with Next 20", repeat, err)
		}
	}
	must(t, from("c2", 0, 10, "other"))
	must(t, from("c1", 25, 30, "gap"))
	must(t, j.Append(t.Context(), groupA, "s", batch(50, "no source")))
	equal(t, "events", messages(t, j, groupA, journal.Query{Streams: []string{"s"}}), "a other b gap no source")
}

func testRecreate(t *testing.T, j journal.Journal) {
	must(t, j.CreateStream(t.Context(), groupA, "s", 1))
	b := batch(10, "old")
	b.Source, b.End = "c", 100
	must(t, j.Append(t.Context(), groupA, "s", b))
	before, err := j.Stream(t.Context(), groupA, "s")
	must(t, err)
	must(t, j.DeleteStream(t.Context(), groupA, "s"))
	must(t, j.CreateStream(t.Context(), groupA, "s", 2))
	after, err := j.Stream(t.Context(), groupA, "s")
	must(t, err)
	if after.ID == before.ID || after.Appended != 0 {
		t.Fatalf("made anew: %+v, was %+v", after, before)
	}
	equal(t, "events", messages(t, j, groupA, journal.Query{}), "")
	b = batch(10, "new")
	b.Source, b.End = "c", 5
	must(t, j.Append(t.Context(), groupA, "s", b))
	equal(t, "events", messages(t, j, groupA, journal.Query{}), "new")
}

func testExpire(t *testing.T, j journal.Journal) {
	for _, name := range []string{"s", "t", "empty"} {
		must(t, j.CreateStream(t.Context(), groupA, name, 1))
	}
	must(t, j.Append(t.Context(), groupA, "s", batch(10, "1", "2")))
	must(t, j.Append(t.Context(), groupA, "s", batch(20, "3")))
	must(t, j.Append(t.Context(), groupA, "t", batch(5, "4")))
	must(t, j.Expire(t.Context(), groupA, 5))
	equal(t, "nothing is old enough", messages(t, j, groupA, journal.Query{}), "4 1 2 3")
	must(t, j.Expire(t.Context(), groupA, 20))
	equal(t, "events", messages(t, j, groupA, journal.Query{}), "3")
	s, _ := j.Stream(t.Context(), groupA, "s")
	if s.First != 20 || s.Last != 20 || s.Bytes != 1+journal.EventOverhead {
		t.Fatalf("stream with one left: %+v", s)
	}
	e, _ := j.Stream(t.Context(), groupA, "t")
	if e.First != 0 || e.Last != 5 || e.Bytes != 0 {
		t.Fatalf("stream with none left: %+v", e)
	}
	must(t, j.Append(t.Context(), groupA, "t", batch(30, "5")))
	equal(t, "appending goes on", messages(t, j, groupA, journal.Query{}), "3 5")
}

func testDrop(t *testing.T, j journal.Journal) {
	for _, g := range []journal.GroupID{groupA, groupB} {
		must(t, j.CreateStream(t.Context(), g, "s", 1))
		must(t, j.Append(t.Context(), g, "s", batch(10, g.String())))
	}
	groups, err := j.Groups(t.Context())
	must(t, err)
	equal(t, "groups", fmt.Sprint(groups), fmt.Sprint([]journal.GroupID{groupA, groupB}))
	must(t, j.DropGroup(t.Context(), groupA))
	must(t, j.DropGroup(t.Context(), groupA))
	groups, err = j.Groups(t.Context())
	must(t, err)
	equal(t, "groups", fmt.Sprint(groups), fmt.Sprint([]journal.GroupID{groupB}))
	equal(t, "dropped", messages(t, j, groupA, journal.Query{}), "")
	equal(t, "neighbour", messages(t, j, groupB, journal.Query{}), groupB.String())
}

func testConcurrent(t *testing.T, j journal.Journal) {
	const writers, streams, batches = 16, 4, 25
	for s := range streams {
		must(t, j.CreateStream(t.Context(), groupA, fmt.Sprint(s), 1))
	}
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	for w := range writers {
		wg.Go(func() {
			for i := range batches {
				if err := j.Append(t.Context(), groupA, fmt.Sprint(w%streams), batch(int64(10+i), fmt.Sprint(w, "-", i))); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
	n := 0
	last := map[string]int64{}
	for e, err := range j.Scan(t.Context(), groupA, journal.Query{}) {
		must(t, err)
		n++
		if e.Time < last[e.Stream] {
			t.Fatalf("stream %s goes back in time", e.Stream)
		}
		last[e.Stream] = e.Time
	}
	if n != writers*batches {
		t.Fatalf("%d events, want %d", n, writers*batches)
	}
}
