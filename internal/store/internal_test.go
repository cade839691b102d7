package store

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// reader makes a job that reads some keys and writes others, which it reads too: "a b>c" reads a, b and c and writes c; ">d!" deletes d.
func reader(name, does string) *job {
	reads, writes, _ := strings.Cut(does, ">")
	j := &job{guard: &Compare{Key: name}}
	for _, key := range strings.Fields(reads) {
		c := Compare{Key: strings.TrimSuffix(key, "*")}
		c.Prefix = c.Key != key
		j.mutation.Compares = append(j.mutation.Compares, c)
	}
	for _, key := range strings.Fields(writes) {
		key, deletes := strings.CutSuffix(key, "!")
		j.mutation.Compares = append(j.mutation.Compares, Compare{Key: key})
		j.mutation.Writes = append(j.mutation.Writes, Write{Key: key, Delete: deletes})
	}
	return j
}

func TestBatchesKeepWhatSharesAKeyInOrderOfArrival(t *testing.T) {
	for _, test := range []struct {
		name string
		jobs []string
		want string // the jobs of each batch, by number
	}{
		{"nothing is shared", []string{">a", ">b", ">c"}, "[0 1 2]"},
		{"one key", []string{">a", ">a", ">a"}, "[0][1][2]"},
		{"others overtake", []string{">a", ">a", ">b"}, "[0 2][1]"},
		{"none overtakes over a key of its own", []string{">a", ">a b", ">b"}, "[0][1][2]"},
		{"a row that all read", []string{"c>x", "c>y", "c>z"}, "[0 1 2]"},
		{"a write after reads", []string{"c>x", "c>y", ">c", "c>z"}, "[0 1 2][3]"},
		{"a read after a write", []string{">c", "c>x"}, "[0][1]"},
		{"each reads what the other writes", []string{"b>a", "a>b"}, "[0][1]"},
		{"a prefix after a write in it", []string{">t/1", "t/*>c", ">t/2"}, "[0][1 2]"},
		{"deletions beside what a full store refuses", []string{">a", ">b!", ">c", ">d!"}, "[0 2][1 3]"},
		{"a write after a prefix", []string{"t/*>c", ">t/1"}, "[0 1]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var q queue
			number := map[*job]int{}
			for i, does := range test.jobs {
				j := reader("", does)
				number[j] = i
				q.waiting = append(q.waiting, j)
			}
			got := ""
			for b := q.next(); b != nil; b = q.next() {
				var names []string
				for _, j := range b.jobs {
					names = append(names, fmt.Sprint(number[j]))
				}
				got += fmt.Sprintf("[%s]", strings.Join(names, " "))
			}
			if got != test.want {
				t.Errorf("the batches are %s, want %s", got, test.want)
			}
		})
	}
}

func TestBatchesHaveOneGuardAndALimit(t *testing.T) {
	var q queue
	for i := range 2 * batchOps {
		j := reader("leader", fmt.Sprint(">", i))
		if i == 1 {
			j.guard = nil
		}
		q.waiting = append(q.waiting, j)
	}
	first := q.next()
	if len(first.jobs) != batchOps {
		t.Errorf("the first batch has %d jobs", len(first.jobs))
	}
	for _, j := range first.jobs {
		if j.guard == nil {
			t.Error("a job without a guard is in a guarded batch")
		}
	}
	if second := q.next(); len(second.jobs) != 1 || second.guard != nil {
		t.Errorf("the second batch has %d jobs under %v", len(second.jobs), second.guard)
	}
}

func TestKeysComeApartAsTheyWerePutTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9-]{0,12}`)
		scope := Scope{name.Draw(t, "account"), name.Draw(t, "region")}
		if scope.Account == "-" || scope.Region == "-" {
			t.Skip("a lone dash stands for nothing")
		}
		table := rapid.StringMatching(`[a-z]+/[a-z.]+`).Draw(t, "table")
		id := rapid.StringN(1, 20, -1).Draw(t, "id")
		gotScope, gotTable, gotID, ok := splitKey(prefixOf(scope, table) + id)
		if !ok || gotScope != scope || gotTable != table || gotID != id {
			t.Fatalf("%v %s %q came apart as %v %s %q %v", scope, table, id, gotScope, gotTable, gotID, ok)
		}
	})
}

func TestAValueThatWasChangedInPlaceIsFound(t *testing.T) {
	type record struct {
		Name string `json:"name"`
	}
	db := Memory()
	table := NewTable[record](db, "test", "record")
	if err := db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := &record{Name: "before"}
	if err := db.Update(t.Context(), func(tx *Tx) error { return table.Put(tx, Scope{}, "a", v) }); err != nil {
		t.Fatal(err)
	}
	v.Name = "after"
	defer func() {
		if said := fmt.Sprint(recover()); !strings.Contains(said, `test/record "a" was changed in place`) {
			t.Errorf("closing says %q", said)
		}
	}()
	db.Close()
}

func TestQueuedChangesOfARowBecomeOne(t *testing.T) {
	at := func(key string, revision int64) *row { return &row{key: key, revision: revision} }
	merged := merge([]change{
		{nil, at("new", 1), 1},
		{at("old", 0), at("old", 2), 2},
		{nil, at("brief", 3), 3},
		{at("old", 2), nil, 4},
		{at("brief", 3), nil, 5},
		{at("new", 1), at("new", 6), 6},
	})
	var got []string
	for _, c := range merged {
		got = append(got, fmt.Sprintf("%s %v %v %d", c.key(), c.old != nil, c.new != nil, c.revision))
	}
	if fmt.Sprint(got) != "[old true false 4 new false true 6]" {
		t.Errorf("merged: %v", got)
	}
}
