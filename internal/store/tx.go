package store

import (
	"context"
	"fmt"
	"slices"
)

// Tx is a transaction. It is valid until the function that got it returns, for that function's goroutine alone.
type Tx struct {
	db       *DB
	ctx      context.Context
	reads    map[string]*row   // as first read; nil for absent ones
	prefixes map[string]int64  // prefixes read as a whole, and the revision at which
	writes   map[string]*write // by key
	order    []string          // keys of writes, in order
	bytes    int
	err      error // what makes the transaction fail, whatever its function returns
}

type write struct {
	table *table
	row   *row // nil to delete
}

// Context is the context of the Update that the transaction belongs to.
func (tx *Tx) Context() context.Context { return tx.ctx }

// read is the row at a key as this transaction sees it, nil when there is none.
func (tx *Tx) read(t *table, key string) *row {
	if w := tx.writes[key]; w != nil {
		return w.row
	}
	return tx.readStored(t, key)
}

func (tx *Tx) readStored(t *table, key string) *row {
	if r, ok := tx.reads[key]; ok {
		return r
	}
	tx.db.mu.RLock()
	r := t.get(key)
	tx.db.mu.RUnlock()
	if tx.reads[key] = r; len(tx.reads) > MaxReads {
		tx.fail(fmt.Errorf("a transaction that reads more than %d rows: %w", MaxReads, ErrTooLarge))
	}
	return r
}

// find are the rows that an index has under a key, as this transaction sees them, in order of ids.
func (tx *Tx) find(t *table, scope Scope, indexKey string) []*row {
	tx.db.mu.RLock()
	found, _ := scan(t.under(indexKey), "", 0)
	at := tx.db.applied
	tx.db.mu.RUnlock()

	prefix := prefixOf(scope, t.name)
	if before, ok := tx.prefixes[prefix]; !ok || at < before {
		tx.prefixes[prefix] = at
	}
	var rows []*row
	for _, r := range found {
		if tx.writes[r.key] == nil {
			rows = append(rows, tx.readStored(t, r.key))
		}
	}
	for _, w := range tx.writes {
		if w.table == t && w.row != nil && w.row.scope == scope && slices.Contains(w.row.keys, indexKey) {
			rows = append(rows, w.row)
		}
	}
	rows = slices.DeleteFunc(rows, func(r *row) bool { return r == nil || !slices.Contains(r.keys, indexKey) })
	slices.SortFunc(rows, byID)
	return rows
}

// put writes a row, or deletes it when v is nil.
func (tx *Tx) put(t *table, scope Scope, id string, v any) error {
	if err := checkID(scope, t.name, id); err != nil {
		return tx.fail(err)
	}
	key := prefixOf(scope, t.name) + id
	old := tx.read(t, key)
	w := &write{table: t}
	if v != nil {
		r := &row{key: key, scope: scope, id: id, value: v, keys: t.codec.keys(scope, id, v)}
		if err := t.seal(r, old); err != nil {
			return tx.fail(err)
		}
		w.row = r
	}
	if err := tx.claim(t, scope, id, old, w.row); err != nil {
		return err
	}
	if before := tx.writes[key]; before == nil {
		tx.order = append(tx.order, key)
	} else {
		tx.bytes -= before.size()
	}
	tx.writes[key] = w
	tx.bytes += len(key) + w.size()
	if len(tx.writes) > MaxOps || tx.bytes > MaxBytes {
		return tx.fail(fmt.Errorf("a transaction of %d rows and %d bytes (of %d and %d): %w", len(tx.writes), tx.bytes, MaxOps, MaxBytes, ErrTooLarge))
	}
	return nil
}

func (w *write) size() int {
	if w.row == nil {
		return 0
	}
	return len(w.row.raw)
}

// seal encodes a row's value, with the members of the row before it that this release doesn't know.
func (t *table) seal(r, old *row) (err error) {
	if r.raw, err = t.codec.encode(r.value); err != nil {
		return fmt.Errorf("%s %q can't be encoded: %w", t.name, r.id, err)
	}
	if old != nil && old.foreign {
		if err = t.keepUnknown(r, old); err != nil {
			return fmt.Errorf("%s %q: keep what this release does not know: %w", t.name, r.id, err)
		}
	}
	if len(r.raw) > MaxValue {
		return fmt.Errorf("%s %q has %d bytes of at most %d: %w", t.name, r.id, len(r.raw), MaxValue, ErrTooLarge)
	}
	return nil
}

// fail makes the whole transaction fail.
func (tx *Tx) fail(err error) error {
	if tx.err == nil {
		tx.err = err
	}
	return err
}

// changed is a key that was read and has changed since, "" when there is none.
func (tx *Tx) changed() string {
	tx.db.mu.RLock()
	defer tx.db.mu.RUnlock()
	for key, r := range tx.reads {
		_, name, _, _ := splitKey(key)
		if tx.db.tables[name].get(key) != r {
			return key
		}
	}
	for prefix, at := range tx.prefixes {
		_, name, _, _ := splitKey(prefix)
		if tx.db.tables[name].written[prefix] > at {
			return prefix
		}
	}
	return ""
}

// job is the transaction as the queue takes it.
func (tx *Tx) job(guard *Compare) *job {
	j := &job{guard: guard, bytes: tx.bytes, rows: make(map[string]*row, len(tx.writes))}
	for key, r := range tx.reads {
		c := Compare{Key: key}
		if r != nil {
			c.Revision = r.revision
		}
		j.mutation.Compares = append(j.mutation.Compares, c)
	}
	for prefix, at := range tx.prefixes {
		j.mutation.Compares = append(j.mutation.Compares, Compare{Key: prefix, Revision: at, Prefix: true})
	}
	for _, key := range tx.order {
		w := Write{Key: key}
		if r := tx.writes[key].row; r == nil {
			if tx.reads[key] == nil {
				continue // it came and went in this transaction
			}
			w.Delete = true
		} else {
			w.Value = r.raw
			j.rows[key] = r
		}
		j.mutation.Writes = append(j.mutation.Writes, w)
	}
	return j
}

func byID(a, b *row) int {
	switch {
	case a.id < b.id:
		return -1
	case a.id > b.id:
		return 1
	}
	return 0
}
