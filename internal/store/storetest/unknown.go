package storetest

import (
	"errors"
	"testing"

	"github.com/berth-dev/berth/internal/store"
)

// unknownMembers has this release change values that a newer one wrote.
func unknownMembers(t *testing.T, backend New) {
	const written = `{"name":"n","count":1,"zone":{"id":7},"group":"g","log":["x"],` +
		`"parts":[{"name":"a","size":1,"colour":"red"},{"name":"b","size":2,"colour":"blue"},{"name":"c","colour":"green"}]}`
	for _, test := range []struct {
		name, want string
		change     func(v *thing)
	}{
		{
			"nothing is changed",
			`{"count":1,"group":"g","log":["x"],"name":"n","parts":[{"name":"a","size":1,"colour":"red"},{"name":"b","size":2,"colour":"blue"},{"name":"c","colour":"green"}],"zone":{"id":7}}`,
			func(*thing) {},
		},
		{
			"a member is changed, and others are left out",
			`{"count":2,"name":"n","parts":[{"name":"a","size":1,"colour":"red"},{"name":"b","size":2,"colour":"blue"},{"name":"c","colour":"green"}],"zone":{"id":7}}`,
			func(v *thing) { v.Count, v.Group, v.Log = 2, "", nil },
		},
		{
			"an element goes, one comes before the others, one is changed",
			`{"count":1,"group":"g","log":["x"],"name":"n","parts":[{"name":"new"},{"colour":"green","name":"c"},{"colour":"red","name":"a","size":9}],"zone":{"id":7}}`,
			func(v *thing) { v.Parts = []part{{Name: "new"}, {Name: "c"}, {Name: "a", Size: 9}} },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := backend(t, 0)
			row := store.Root + here.String() + "/test/thing/a"
			commit(t, b, store.Batch{Mutations: []store.Mutation{mutation(store.Write{Key: row, Value: []byte(written)})}})
			f := start(t, b)
			for range 2 { // again, over what it wrote itself
				f.update(t, func(tx *store.Tx) error {
					return f.things.Modify(tx, here, "a", func(v *thing) error { test.change(v); return nil })
				})
			}
			var got string
			_, err := b.Snapshot(t.Context(), func(item store.Item) error {
				if item.Key == row {
					got = string(item.Value)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if !sameJSON(t, got, test.want) {
				t.Errorf("stored: %s\nwant:   %s", got, test.want)
			}
			now, _ := f.things.Get(here, "a")
			if text, err := f.things.Encoded(now); err != nil || !sameJSON(t, string(text), test.want) {
				t.Errorf("encoded: %s, %v\nwant:    %s", text, err, test.want)
			}
			now.Revision--
			if _, err := f.things.Encoded(now); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("encoding what it was before: %v", err)
			}
		})
	}
}
