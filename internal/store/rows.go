package store

import (
	"fmt"
	"strings"

	"github.com/RaduBerinde/btreemap"
)

// row is one row as it was at one revision. It never changes: a new revision is a new row.
type row struct {
	key      string
	scope    Scope
	id       string
	revision int64
	value    any      // *T of the table; shared
	raw      []byte   // the stored JSON, kept only when it has members that T doesn't know, or to check values
	foreign  bool     // raw has such members
	keys     []string // index keys, "<index>\x00<scope>\x00<key>", sorted by index
}

// slot is a row's place in the table and in its indexes.
type slot struct{ *row }

type slots = btreemap.BTreeMap[string, *slot]

// table holds the rows of one table in memory, whatever their type. The DB's lock guards it.
type table struct {
	name   string // "service/kind"
	codec  codec
	unique map[string]*Table[claim] // by index: who holds which key
	// ofClaims says that the table is one of those.
	ofClaims bool

	byKey    map[string]*slot
	ordered  *slots
	index    *slots           // "<index>\x00<scope>\x00<key>\x00<id>"
	counts   map[string]int   // by index key, and by scope
	written  map[string]int64 // by prefix of a scope: the last revision that wrote a row there
	watchers map[*watcher]struct{}
}

func newTable(name string, c codec) *table {
	t := &table{name: name, codec: c, unique: map[string]*Table[claim]{}, watchers: map[*watcher]struct{}{}}
	t.byKey = map[string]*slot{}
	t.ordered = btreemap.New[string, *slot](32, strings.Compare)
	t.index = btreemap.New[string, *slot](32, strings.Compare)
	t.counts = map[string]int{}
	t.written = map[string]int64{}
	return t
}

// decode makes a row of a stored value.
func (t *table) decode(item Item, scope Scope, id string) (*row, error) {
	v, foreign, err := t.codec.decode(item.Value)
	if err != nil {
		return nil, fmt.Errorf("the value at %s can't be read by this release: %w", item.Key, err)
	}
	r := &row{key: item.Key, scope: scope, id: id, revision: item.Revision, value: v, foreign: foreign}
	if foreign {
		r.raw = item.Value
	}
	r.keys = t.codec.keys(scope, id, v)
	return r, nil
}

// get is the row at a key, nil when there is none.
func (t *table) get(key string) *row {
	if s := t.byKey[key]; s != nil {
		return s.row
	}
	return nil
}

// set puts a row in place of the one before it, which it returns.
func (t *table) set(r *row) (old *row) {
	t.written[r.key[:len(r.key)-len(r.id)]] = r.revision
	s := t.byKey[r.key]
	if s == nil {
		s = &slot{r}
		t.byKey[r.key] = s
		t.ordered.ReplaceOrInsert(r.key, s)
		t.counts[r.scope.String()]++
		t.enter(s, r.keys)
		return nil
	}
	old = s.row
	s.row = r
	if !equal(old.keys, r.keys) {
		t.leave(old.id, old.keys)
		t.enter(s, r.keys)
	}
	return old
}

// remove takes a row out and returns it, nil when there was none.
func (t *table) remove(key string) (old *row) {
	s := t.byKey[key]
	if s == nil {
		return nil
	}
	delete(t.byKey, key)
	t.ordered.Delete(key)
	t.drop(s.scope.String())
	t.leave(s.id, s.keys)
	return s.row
}

func (t *table) enter(s *slot, keys []string) {
	for _, key := range keys {
		t.index.ReplaceOrInsert(key+"\x00"+s.id, s)
		t.counts[key]++
	}
}

func (t *table) leave(id string, keys []string) {
	for _, key := range keys {
		t.index.Delete(key + "\x00" + id)
		t.drop(key)
	}
}

func (t *table) drop(count string) {
	if t.counts[count]--; t.counts[count] == 0 {
		delete(t.counts, count)
	}
}

// scan lists the rows of tree under prefix whose ids come after the id given, at most limit of them when limit > 0.
func scan(tree *slots, prefix, after string, limit int) (rows []*row, more bool) {
	from := btreemap.GE(prefix)
	if after != "" {
		from = btreemap.GT(prefix + after)
	}
	for _, s := range tree.Ascend(from, btreemap.LT(afterPrefix(prefix))) {
		if limit > 0 && len(rows) == limit {
			return rows, true
		}
		rows = append(rows, s.row)
	}
	return rows, false
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
