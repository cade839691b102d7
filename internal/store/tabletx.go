package store

import (
	"fmt"
)

// GetTx is the value of a row as the transaction sees it, with what it has written itself. Copy it before you change it.
// The transaction commits only if the row is still the same, or still absent.
func (t *Table[T]) GetTx(tx *Tx, scope Scope, id string) (*T, bool) {
	if err := checkID(scope, t.name, id); err != nil {
		return nil, false
	}
	r := tx.read(t.table, prefixOf(scope, t.name)+id)
	if r == nil {
		return nil, false
	}
	return r.value.(*T), true
}

// FindTx are the rows that an index has under key as the transaction sees them (its own have Revision 0), in order of ids. The transaction
// commits only if no row of the table in that scope was written meanwhile, so it is for what is rare: to delete a cluster that must
// have no tasks. When the question can be put as that of one row (a unique index, a counter), put it so.
func (t *Table[T]) FindTx(tx *Tx, scope Scope, index, key string) []Row[T] {
	var rows []Row[T]
	for _, r := range tx.find(t.table, scope, t.listKey(scope, index, key)) {
		rows = append(rows, rowOf[T](r))
	}
	return rows
}

// Put writes a row, whether or not it is there. From then on the value belongs to the store and must not be changed.
// It returns ErrExists when another row holds a key of a unique index.
func (t *Table[T]) Put(tx *Tx, scope Scope, id string, v *T) error {
	return tx.put(t.table, scope, id, v)
}

// Create writes a row that must not be there: ErrExists.
func (t *Table[T]) Create(tx *Tx, scope Scope, id string, v *T) error {
	if _, ok := t.GetTx(tx, scope, id); ok {
		return fmt.Errorf("%s %q: %w", t.name, id, ErrExists)
	}
	return tx.put(t.table, scope, id, v)
}

// Modify changes a row that must be there: ErrNotFound. The function gets a copy of the value; what the value points to (slices, maps) is
// shared all the same, and is replaced, not changed in place. When the function fails, nothing is written.
func (t *Table[T]) Modify(tx *Tx, scope Scope, id string, change func(v *T) error) error {
	old, ok := t.GetTx(tx, scope, id)
	if !ok {
		return fmt.Errorf("%s %q: %w", t.name, id, ErrNotFound)
	}
	v := *old
	if err := change(&v); err != nil {
		return err
	}
	return tx.put(t.table, scope, id, &v)
}

// Delete deletes a row that must be there: ErrNotFound.
func (t *Table[T]) Delete(tx *Tx, scope Scope, id string) error {
	if _, ok := t.GetTx(tx, scope, id); !ok {
		return fmt.Errorf("%s %q: %w", t.name, id, ErrNotFound)
	}
	return tx.put(t.table, scope, id, nil)
}
