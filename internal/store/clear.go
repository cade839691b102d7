package store

import (
	"context"
	"fmt"
	"slices"
)

// Clear deletes the rows of every table, of all accounts and regions, except those of the tables named in keep ("service/kind") and of who
// leads. It comes between this process' transactions: one that is under way ends first, and is deleted too; one that comes waits, and
// finds nothing. On disk it isn't one transaction; when it fails it can be called again.
func (db *DB) Clear(ctx context.Context, keep ...string) error {
	db.clearing.Lock()
	defer db.clearing.Unlock()
	type place struct {
		table *table
		row   *row
	}
	var rows []place
	db.mu.RLock()
	for name, t := range db.tables {
		if t == db.leases.table || t.ofClaims || slices.Contains(keep, name) { // claims go with the rows that hold them
			continue
		}
		for _, s := range t.byKey {
			rows = append(rows, place{t, s.row})
		}
	}
	db.mu.RUnlock()
	_, err := UpdateEach(ctx, clearer{db}, rows, func(tx *Tx, p place) error {
		if tx.read(p.table, p.row.key) == nil {
			return nil
		}
		return tx.put(p.table, p.row.scope, p.row.id, nil)
	})
	if err != nil {
		return fmt.Errorf("clear the state: %w", err)
	}
	return nil
}

// clearer is the Updater of Clear, which everybody else waits for.
type clearer struct{ db *DB }

func (c clearer) Update(ctx context.Context, fn func(*Tx) error) error {
	return c.db.update(ctx, nil, fn)
}
