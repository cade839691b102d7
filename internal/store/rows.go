package store

import (
	"fmt"
	"maps"
	"slices"
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

// slots are rows of one scope by their ids.
type slots = btreemap.BTreeMap[string, *slot]

// group are the rows that an index has under one key. Of an index that only counts, the rows are nil.
type group struct {
	key   string
	count int
	rows  *slots
}

// table holds the rows of one table in memory, whatever their type. The DB's lock guards it.
type table struct {
	name   string // "service/kind"
	codec  codec
	unique map[string]*Table[claim] // by index: who holds which key
	// ofClaims says that the table is one of those.
	ofClaims bool

	byKey    map[string]*slot
	scopes   map[Scope]*slots
	groups   map[string]*group // by index key
	written  map[string]int64  // by prefix of a scope: the last revision that wrote a row there
	watchers map[*watcher]struct{}
	free     *btreemap.FreeList[string, *slot] // of the nodes of all slots
}

func newTable(name string, c codec) *table {
	t := &table{name: name, codec: c, unique: map[string]*Table[claim]{}, watchers: map[*watcher]struct{}{}}
	t.byKey = map[string]*slot{}
	t.scopes = map[Scope]*slots{}
	t.groups = map[string]*group{}
	t.written = map[string]int64{}
	t.free = btreemap.NewFreeList[string, *slot](btreemap.DefaultFreeListSize)
	return t
}

func (t *table) newSlots() *slots { return btreemap.NewWithFreeList(32, strings.Compare, t.free) }

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
		all := t.scopes[r.scope]
		if all == nil {
			all = t.newSlots()
			t.scopes[r.scope] = all
		}
		all.ReplaceOrInsert(r.id, s)
		t.move(s, nil, r.keys)
		return nil
	}
	old = s.row
	s.row = r
	t.move(s, old.keys, r.keys)
	return old
}

// remove takes a row out and returns it, nil when there was none.
func (t *table) remove(key string) (old *row) {
	s := t.byKey[key]
	if s == nil {
		return nil
	}
	delete(t.byKey, key)
	all := t.scopes[s.scope]
	if all.Delete(s.id); all.Len() == 0 {
		delete(t.scopes, s.scope)
	}
	t.move(s, s.keys, nil)
	return s.row
}

// move takes a slot from the index keys that it had to those that it has, both sorted. Equal keys become one string: a table
// has many rows and few keys.
func (t *table) move(s *slot, had, has []string) {
	for len(had) > 0 || len(has) > 0 {
		switch {
		case len(has) == 0 || len(had) > 0 && had[0] < has[0]:
			t.leave(s, had[0])
			had = had[1:]
		case len(had) == 0 || has[0] < had[0]:
			has[0] = t.enter(s, has[0])
			has = has[1:]
		default:
			has[0] = had[0]
			had, has = had[1:], has[1:]
		}
	}
}

func (t *table) enter(s *slot, key string) (same string) {
	g := t.groups[key]
	if g == nil {
		g = &group{key: key}
		if !t.codec.onlyCounts(key) {
			g.rows = t.newSlots()
		}
		t.groups[key] = g
	}
	if g.count++; g.rows != nil {
		g.rows.ReplaceOrInsert(s.id, s)
	}
	return g.key
}

func (t *table) leave(s *slot, key string) {
	g := t.groups[key]
	if g.rows != nil {
		g.rows.Delete(s.id)
	}
	if g.count--; g.count == 0 {
		delete(t.groups, key)
	}
}

// under are the rows that an index has under a key, nil when there are none.
func (t *table) under(key string) *slots {
	if g := t.groups[key]; g != nil {
		return g.rows
	}
	return nil
}

// all are the rows of every scope.
func (t *table) all() (rows []*row) {
	for _, scope := range slices.SortedFunc(maps.Keys(t.scopes), func(a, b Scope) int { return strings.Compare(a.String(), b.String()) }) {
		found, _ := scan(t.scopes[scope], "", 0)
		rows = append(rows, found...)
	}
	return rows
}

// scan lists the rows whose ids come after the one given, at most limit of them when limit > 0.
func scan(from *slots, after string, limit int) (rows []*row, more bool) {
	if from == nil {
		return nil, false
	}
	first := btreemap.Min[string]()
	if after != "" {
		first = btreemap.GT(after)
	}
	if limit == 0 {
		rows = make([]*row, 0, from.Len())
	}
	for _, s := range from.Ascend(first, btreemap.Max[string]()) {
		if limit > 0 && len(rows) == limit {
			return rows, true
		}
		rows = append(rows, s.row)
	}
	return rows, false
}
