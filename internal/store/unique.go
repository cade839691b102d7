package store

import (
	"fmt"
	"slices"
	"strings"
)

// claim says which row holds a key of a unique index. Claims are rows of a table of their own, "<kind>.<index>", whose ids are the keys,
// so that two servers can't give one key to two rows.
type claim struct {
	ID string `json:"id"`
}

// claim moves a row's unique keys from its old value to its new one. Either may be nil.
func (tx *Tx) claim(t *table, scope Scope, id string, old, new *row) error {
	for index, claims := range t.unique {
		for _, key := range new.keysOf(index) {
			if held, ok := claims.GetTx(tx, scope, key); ok && held.ID != id {
				return fmt.Errorf("%s %q: the %s %q belongs to %q: %w", t.name, id, index, key, held.ID, ErrExists)
			}
		}
	}
	for index, claims := range t.unique {
		had, has := old.keysOf(index), new.keysOf(index)
		for _, key := range has {
			if slices.Contains(had, key) {
				continue
			}
			if err := claims.Put(tx, scope, key, &claim{ID: id}); err != nil {
				return err
			}
		}
		for _, key := range had {
			if slices.Contains(has, key) {
				continue
			}
			if err := claims.Delete(tx, scope, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// keysOf are the row's keys in one index, as the index' function gave them.
func (r *row) keysOf(index string) (keys []string) {
	if r == nil {
		return nil
	}
	prefix := indexKey(r.scope, index, "")
	for _, key := range r.keys {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			keys = append(keys, rest)
		}
	}
	return keys
}
