package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/berth-dev/berth/internal/store"
)

func rowsLive(t *testing.T, backend New) {
	f := open(t, backend)
	create := func(tx *store.Tx) error { return f.things.Create(tx, here, "a", &thing{Name: "one"}) }
	f.update(t, create)
	if err := f.Update(t.Context(), create); !errors.Is(err, store.ErrExists) {
		t.Errorf("a second Create: %v", err)
	}
	first, ok := f.things.Get(here, "a")
	if !ok || first.Value.Name != "one" || first.ID != "a" || first.Scope != here {
		t.Fatalf("the row is %+v, %v", first, ok)
	}
	f.update(t, func(tx *store.Tx) error {
		return f.things.Modify(tx, here, "a", func(v *thing) error { v.Count++; return nil })
	})
	second, _ := f.things.Get(here, "a")
	if second.Value.Name != "one" || second.Value.Count != 1 || second.Revision <= first.Revision {
		t.Errorf("changed, the row is %+v after %+v", second, first)
	}
	if first.Value.Count != 0 {
		t.Error("a value that was read has changed")
	}
	if n := f.things.Len(here); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	f.remove(t, "a")
	if _, ok := f.things.Get(here, "a"); ok {
		t.Error("a deleted row is there")
	}
	for name, fn := range map[string]func(tx *store.Tx) error{
		"Delete": func(tx *store.Tx) error { return f.things.Delete(tx, here, "a") },
		"Modify": func(tx *store.Tx) error { return f.things.Modify(tx, here, "a", func(*thing) error { return nil }) },
	} {
		if err := f.Update(t.Context(), fn); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of an absent row: %v", name, err)
		}
	}
}

func scopesAreApart(t *testing.T, backend New) {
	f := open(t, backend)
	scopes := []store.Scope{here, there, {Account: "111111111111", Region: "us-east-1"}, {Account: "000000000000"}, {}}
	f.update(t, func(tx *store.Tx) error {
		for i, scope := range scopes {
			if err := f.things.Create(tx, scope, "a/b", &thing{Count: i, Group: "g", Slug: "s"}); err != nil {
				return err
			}
		}
		return nil
	})
	for i, scope := range scopes {
		if r, ok := f.things.Get(scope, "a/b"); !ok || r.Value.Count != i || r.Scope != scope || r.ID != "a/b" {
			t.Errorf("%v: %+v, %v", scope, r, ok)
		}
		if rows, _ := f.things.List(scope, store.Page{}); len(rows) != 1 {
			t.Errorf("%v lists %d rows", scope, len(rows))
		}
		if n := f.things.Count(scope, "group", "g"); n != 1 {
			t.Errorf("%v counts %d rows", scope, n)
		}
	}
	if all := slices.Collect(f.things.All()); len(all) != len(scopes) {
		t.Errorf("%d rows in all scopes", len(all))
	}
}

func transactionsSeeTheirWrites(t *testing.T, backend New) {
	f := open(t, backend)
	f.put(t, "a", thing{Count: 1, Group: "g"})
	f.put(t, "b", thing{Count: 1, Group: "g"})
	f.update(t, func(tx *store.Tx) error {
		if err := f.things.Put(tx, here, "a", &thing{Count: 2, Group: "other"}); err != nil {
			return err
		}
		if err := f.things.Create(tx, here, "c", &thing{Count: 3, Group: "g"}); err != nil {
			return err
		}
		if v, ok := f.things.GetTx(tx, here, "a"); !ok || v.Count != 2 {
			t.Errorf("a is %+v, %v", v, ok)
		}
		var ids []string
		for _, r := range f.things.FindTx(tx, here, "group", "g") {
			ids = append(ids, r.ID)
		}
		if fmt.Sprint(ids) != "[b c]" {
			t.Errorf("the group is %v", ids)
		}
		if err := f.things.Delete(tx, here, "b"); err != nil {
			return err
		}
		if _, ok := f.things.GetTx(tx, here, "b"); ok {
			t.Error("b is there after its deletion")
		}
		if err := f.things.Create(tx, here, "gone", &thing{Slug: "gone"}); err != nil {
			return err
		}
		return f.things.Delete(tx, here, "gone")
	})
	rows, _ := f.things.List(here, store.Page{})
	if len(rows) != 2 || rows[0].ID != "a" || rows[1].ID != "c" {
		t.Errorf("the rows are %+v", rows)
	}
}

func failureWritesNothing(t *testing.T, backend New) {
	f := open(t, backend)
	why := errors.New("no")
	err := f.Update(t.Context(), func(tx *store.Tx) error {
		if err := f.things.Create(tx, here, "a", &thing{}); err != nil {
			return err
		}
		return why
	})
	if !errors.Is(err, why) {
		t.Errorf("the error is %v", err)
	}
	if _, ok := f.things.Get(here, "a"); ok {
		t.Error("the row was written")
	}
}

// conclusionsHold: an error that a transaction makes of rows that were never so together is not returned.
func conclusionsHold(t *testing.T, backend New) {
	f := open(t, backend)
	f.put(t, "a", thing{Count: 1})
	f.put(t, "b", thing{Count: 1})
	runs := 0
	err := f.Update(t.Context(), func(tx *store.Tx) error {
		runs++
		a, _ := f.things.GetTx(tx, here, "a")
		if runs == 1 {
			f.update(t, func(tx *store.Tx) error {
				return errors.Join(f.things.Put(tx, here, "a", &thing{Count: 2}), f.things.Put(tx, here, "b", &thing{Count: 2}))
			})
		}
		b, _ := f.things.GetTx(tx, here, "b")
		if a.Count != b.Count {
			return errors.New("a and b differ")
		}
		return nil
	})
	if err != nil || runs != 2 {
		t.Errorf("after %d runs: %v", runs, err)
	}
}

func prefixReadsConflict(t *testing.T, backend New) {
	f := open(t, backend)
	f.put(t, "cluster", thing{})
	runs := 0
	err := f.Update(t.Context(), func(tx *store.Tx) error {
		runs++
		n := len(f.things.FindTx(tx, here, "group", "in cluster"))
		if runs == 1 {
			f.put(t, "task", thing{Group: "in cluster"})
		}
		if n > 0 {
			return errors.New("the cluster is in use")
		}
		return f.things.Delete(tx, here, "cluster")
	})
	if err == nil || runs != 2 {
		t.Errorf("after %d runs: %v", runs, err)
	}
	if _, ok := f.things.Get(here, "cluster"); !ok {
		t.Error("the cluster was deleted under its task")
	}
}

func indexesFollow(t *testing.T, backend New) {
	f := open(t, backend)
	found := func(group string) string {
		var ids []string
		for r := range f.things.Find(here, "group", group) {
			ids = append(ids, r.ID)
		}
		if n, m := f.things.Count(here, "group", group), f.things.Count(here, "tally", group); n != len(ids) || m != n {
			t.Errorf("group %q counts %d rows, %d where it only counts, and has %d", group, n, m, len(ids))
		}
		return fmt.Sprint(ids)
	}
	for i, id := range []string{"c", "a", "b", "d"} {
		f.put(t, id, thing{Group: "g", Count: i})
	}
	f.put(t, "e", thing{Group: "g\x00a"})
	if got := found("g"); got != "[a b c d]" {
		t.Errorf("g has %s", got)
	}
	f.put(t, "b", thing{Group: "h"})
	f.put(t, "c", thing{})
	f.remove(t, "d")
	f.put(t, "a", thing{Group: "g", Count: 7})
	if g, h := found("g"), found("h"); g != "[a]" || h != "[b]" {
		t.Errorf("g has %s and h has %s", g, h)
	}
	if r, ok := f.things.FindOne(here, "group", "g"); !ok || r.Value.Count != 7 {
		t.Errorf("the index shows %+v, %v", r, ok)
	}
}

func uniqueKeys(t *testing.T, backend New) {
	f := open(t, backend)
	f.put(t, "a", thing{Slug: "s"})
	err := f.Update(t.Context(), func(tx *store.Tx) error { return f.things.Put(tx, here, "b", &thing{Slug: "s"}) })
	if !errors.Is(err, store.ErrExists) {
		t.Errorf("a second row with the slug: %v", err)
	}
	f.put(t, "a", thing{Slug: "s", Count: 1})
	f.put(t, "a", thing{Slug: "t"})
	f.put(t, "b", thing{Slug: "s"})
	f.remove(t, "b")
	f.update(t, func(tx *store.Tx) error { // a row hands its key to another
		if err := f.things.Delete(tx, here, "a"); err != nil {
			return err
		}
		return f.things.Create(tx, here, "c", &thing{Slug: "t"})
	})
	if r, ok := f.things.FindOne(here, "slug", "t"); !ok || r.ID != "c" {
		t.Errorf("the slug finds %+v, %v", r, ok)
	}

	var wg sync.WaitGroup
	won := make([]error, 16)
	for i := range won {
		wg.Go(func() {
			won[i] = f.Update(t.Context(), func(tx *store.Tx) error {
				return f.things.Create(tx, here, fmt.Sprintf("racer %d", i), &thing{Slug: "prize"})
			})
		})
	}
	wg.Wait()
	winners := 0
	for _, err := range won {
		if err == nil {
			winners++
		} else if !errors.Is(err, store.ErrExists) {
			t.Errorf("a racer got %v", err)
		}
	}
	if winners != 1 {
		t.Errorf("%d racers won", winners)
	}
}

func pagesSurviveChanges(t *testing.T, backend New) {
	f := open(t, backend)
	for i := range 10 {
		f.put(t, fmt.Sprintf("%02d", i), thing{Group: "g"})
	}
	var listed, found []string
	page := store.Page{Limit: 3}
	rows, next := f.things.List(here, page)
	for {
		for _, r := range rows {
			listed = append(listed, r.ID)
		}
		if next == "" {
			break
		}
		if next == "02" { // the row that the next page begins after goes, one comes before it and one behind
			f.remove(t, "02")
			f.put(t, "01a", thing{Group: "g"})
			f.put(t, "04a", thing{Group: "g"})
		}
		page.After = next
		rows, next = f.things.List(here, page)
	}
	if got := fmt.Sprint(listed); got != "[00 01 02 03 04 04a 05 06 07 08 09]" {
		t.Errorf("the pages list %s", got)
	}
	page = store.Page{Limit: 4}
	for {
		rows, next := f.things.FindPage(here, "group", "g", page)
		for _, r := range rows {
			found = append(found, r.ID)
		}
		if page.After = next; next == "" {
			break
		}
	}
	if got := fmt.Sprint(found); got != "[00 01 01a 03 04 04a 05 06 07 08 09]" {
		t.Errorf("the pages find %s", got)
	}
}

func writersReadTheirWrites(t *testing.T, backend New) {
	f := open(t, backend)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 20 {
				id, group := fmt.Sprintf("%d", w), fmt.Sprintf("%d.%d", w, i)
				err := f.Update(t.Context(), func(tx *store.Tx) error {
					return f.things.Put(tx, here, id, &thing{Group: group, Count: i})
				})
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				if r, ok := f.things.Get(here, id); !ok || r.Value.Count != i || f.things.Count(here, "group", group) != 1 {
					t.Errorf("writer %d reads %+v after it wrote %d", w, r, i)
				}
			}
		})
	}
	wg.Wait()
}

func contention(t *testing.T, backend New) {
	f := open(t, backend)
	f.put(t, "counter", thing{})
	const writers, times = 64, 5
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range times {
				err := f.Update(t.Context(), func(tx *store.Tx) error {
					return f.things.Modify(tx, here, "counter", func(v *thing) error { v.Count++; return nil })
				})
				if err != nil {
					t.Errorf("a writer: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if r, _ := f.things.Get(here, "counter"); r.Value.Count != writers*times {
		t.Errorf("the counter is %d, want %d", r.Value.Count, writers*times)
	}
}
