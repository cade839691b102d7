package store

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Index finds rows of a table by something in their values. It lives in memory and is made anew at every start: indexes may be
// added, changed and dropped from release to release.
type Index[T any] struct {
	Name string
	// Keys are the keys under which a row is found in its scope; none to leave it out.
	Keys func(id string, v *T) []string
	// Unique makes a key belong to one row of the scope: a second one is refused with ErrExists. It holds across servers,
	// by a row of its own for each key, so it can't be added to a table that has rows.
	Unique bool
	// Counted makes an index of which only [Table.Count] is asked, which then holds no rows: for what many rows have in common.
	Counted bool
}

// Row is a row as it was at one revision.
type Row[T any] struct {
	Scope Scope
	ID    string
	// Revision is that of the transaction that wrote it; later writes have greater ones.
	Revision int64
	// Value is shared by all readers: copy it before you change it.
	Value *T
}

// Page is a part of a listing: at most Limit rows (0: all) whose ids come after After. Ids are in order of bytes. Rows that come and
// go between pages neither repeat nor hide others.
type Page struct {
	After string
	Limit int
}

// Table is a table of values of type T, which must be a struct that package json can encode.
type Table[T any] struct {
	db *DB
	*table
}

// NewTable declares the table of a service's rows of one kind. All tables are declared before the DB starts.
// Service and kind name it in the keys for ever, and must be the same in every release.
func NewTable[T any](db *DB, service, kind string, indexes ...Index[T]) *Table[T] {
	t := &Table[T]{db, newTable(service+"/"+kind, codecOf(indexes))}
	for _, index := range indexes {
		if index.Unique {
			claims := NewTable[claim](db, service, kind+"."+index.Name)
			claims.ofClaims = true
			t.unique[index.Name] = claims
		}
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	switch {
	case db.started:
		panic("store: table " + t.name + " is declared after the store was started")
	case db.tables[t.name] != nil:
		panic("store: table " + t.name + " is declared twice")
	}
	db.tables[t.name] = t.table
	return t
}

// Get is the row with that id.
func (t *Table[T]) Get(scope Scope, id string) (Row[T], bool) {
	var buf [128]byte
	key := append(appendPrefix(buf[:0], scope, t.name), id...)
	t.db.mu.RLock()
	defer t.db.mu.RUnlock()
	if s := t.byKey[string(key)]; s != nil {
		return rowOf[T](s.row), true
	}
	return Row[T]{}, false
}

// List is a page of the scope's rows in order of their ids, and what to give as After for the next page: empty after the last.
func (t *Table[T]) List(scope Scope, page Page) (rows []Row[T], next string) {
	return t.page(page, func() *slots { return t.scopes[scope] })
}

// All yields the rows of every scope, as they are together at the time of the call.
func (t *Table[T]) All() iter.Seq[Row[T]] {
	t.db.mu.RLock()
	defer t.db.mu.RUnlock()
	return each[T](t.all())
}

// Find yields the rows that an index has under key, in order of their ids, as they are together at the time of the call.
func (t *Table[T]) Find(scope Scope, index, key string) iter.Seq[Row[T]] {
	name := t.listKey(scope, index, key)
	t.db.mu.RLock()
	defer t.db.mu.RUnlock()
	rows, _ := scan(t.under(name), "", 0)
	return each[T](rows)
}

// FindPage is a page of what Find yields.
func (t *Table[T]) FindPage(scope Scope, index, key string, page Page) (rows []Row[T], next string) {
	name := t.listKey(scope, index, key)
	return t.page(page, func() *slots { return t.under(name) })
}

// FindOne is the first of the rows that an index has under key: the only one when the index is unique.
func (t *Table[T]) FindOne(scope Scope, index, key string) (Row[T], bool) {
	rows, _ := t.FindPage(scope, index, key, Page{Limit: 1})
	if len(rows) == 0 {
		return Row[T]{}, false
	}
	return rows[0], true
}

// Count is how many rows an index has under key. It costs the same for any number.
func (t *Table[T]) Count(scope Scope, index, key string) int {
	name := t.indexKey(scope, index, key)
	t.db.mu.RLock()
	defer t.db.mu.RUnlock()
	if g := t.groups[name]; g != nil {
		return g.count
	}
	return 0
}

// Len is how many rows the scope has.
func (t *Table[T]) Len(scope Scope) int {
	t.db.mu.RLock()
	defer t.db.mu.RUnlock()
	if all := t.scopes[scope]; all != nil {
		return all.Len()
	}
	return 0
}

func (t *Table[T]) page(page Page, of func() *slots) (rows []Row[T], next string) {
	t.db.mu.RLock()
	found, more := scan(of(), page.After, page.Limit)
	t.db.mu.RUnlock()
	rows = slices.Collect(each[T](found))
	if more {
		next = rows[len(rows)-1].ID
	}
	return rows, next
}

// indexKey is how an index' key stands in the table. Asking for an index that the table doesn't have is a mistake in the program.
func (t *table) indexKey(scope Scope, index, key string) string {
	if _, ok := t.codec.counted[index]; !ok {
		panic(fmt.Sprintf("store: table %s has no index %q", t.name, index))
	}
	return indexKey(scope, index, key)
}

// listKey is the indexKey of an index that holds rows.
func (t *table) listKey(scope Scope, index, key string) string {
	name := t.indexKey(scope, index, key)
	if t.codec.counted[index] {
		panic(fmt.Sprintf("store: the index %q of table %s holds no rows, it only counts them", index, t.name))
	}
	return name
}

// noZero keeps zero bytes, which part an index key from what stands before it, out of the key.
var noZero = strings.NewReplacer("\x00", "\x01\x02", "\x01", "\x01\x01")

func indexKey(scope Scope, index, key string) string {
	return index + "\x00" + scope.String() + "\x00" + noZero.Replace(key)
}

func rowOf[T any](r *row) Row[T] {
	return Row[T]{Scope: r.scope, ID: r.id, Revision: r.revision, Value: r.value.(*T)}
}

func each[T any](rows []*row) iter.Seq[Row[T]] {
	return func(yield func(Row[T]) bool) {
		for _, r := range rows {
			if !yield(rowOf[T](r)) {
				return
			}
		}
	}
}

// Encoded is a row as it is stored, with the members of its value that this release does not know: for what takes rows elsewhere.
// It returns ErrNotFound when the row is no longer as it was.
func (t *Table[T]) Encoded(row Row[T]) ([]byte, error) {
	key := prefixOf(row.Scope, t.name) + row.ID
	t.db.mu.RLock()
	r := t.get(key)
	t.db.mu.RUnlock()
	switch {
	case r == nil || r.revision != row.Revision:
		return nil, fmt.Errorf("%s %q of revision %d: %w", t.name, row.ID, row.Revision, ErrNotFound)
	case r.foreign:
		return slices.Clone(r.raw), nil
	}
	return t.codec.encode(r.value)
}
