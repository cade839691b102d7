package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// edit is a change of one row on its way into the tables: the new row, or nil and the key of the one deleted.
type edit struct {
	table    *table
	key      string
	row      *row
	revision int64
}

// load fills the tables with the backend's present state.
func (db *DB) load(ctx context.Context) error {
	edits, revision, err := db.snapshot(ctx)
	if err != nil {
		return err
	}
	db.apply(edits, revision)
	return nil
}

// snapshot reads every row of the declared tables. Those of other tables are left alone: another release has them. Rows are
// decoded on all processors, a section at a time, while the backend goes on reading.
func (db *DB) snapshot(ctx context.Context) (edits []edit, revision int64, err error) {
	const section = 1024
	var (
		sections []*[]edit
		items    []Item
		decoding errgroup.Group
	)
	decoding.SetLimit(runtime.GOMAXPROCS(0))
	decode := func() {
		read, done := items, new([]edit)
		items, sections = nil, append(sections, done)
		decoding.Go(func() (err error) {
			*done, err = db.edits(read)
			return err
		})
	}
	revision, err = db.backend.Snapshot(ctx, func(item Item) error {
		if items = append(items, item); len(items) == section {
			decode()
		}
		return nil
	})
	decode()
	if broken := decoding.Wait(); err == nil {
		err = broken
	}
	for _, s := range sections {
		edits = append(edits, *s...)
	}
	return edits, revision, err
}

// edits reads rows that are there.
func (db *DB) edits(items []Item) ([]edit, error) {
	edits := make([]edit, 0, len(items))
	for _, item := range items {
		e, ok, err := db.edit(Change{Item: item})
		if err != nil {
			return nil, err
		}
		if ok {
			edits = append(edits, e)
		}
	}
	return edits, nil
}

// follow keeps the tables up to date until the DB closes. A feed that breaks is taken up again where it ended; one that fell behind
// a compaction by way of the difference between the tables and a new snapshot.
func (db *DB) follow() {
	for db.ctx.Err() == nil {
		db.mu.RLock()
		from := db.applied + 1
		db.mu.RUnlock()
		err := db.backend.Watch(db.ctx, from, db.deliver)
		var unreadable *unreadableError
		switch {
		case db.ctx.Err() != nil:
		case errors.As(err, &unreadable):
			db.fail(err)
			return
		case errors.Is(err, ErrCompacted):
			db.log.Warn("the state's feed fell behind; reading the state anew", "from", from, "error", err)
			if err = db.resync(); err != nil {
				db.log.Error("the state could not be read anew", "error", err)
				db.pause()
			}
		default:
			db.log.Warn("the state's feed broke; taking it up again", "from", from, "error", err)
			db.pause()
		}
	}
}

func (db *DB) pause() {
	select {
	case <-time.After(50*time.Millisecond + rand.N(50*time.Millisecond)):
	case <-db.ctx.Done():
	}
}

// fail ends the service of this DB: it can't know the state any longer.
func (db *DB) fail(err error) {
	db.log.Error("the store stops: it can't follow the state", "error", err)
	db.mu.Lock()
	db.failed = err
	db.mu.Unlock()
	db.queue.close(err)
	db.seen.fail(err)
}

// deliver puts changes of whole revisions into the tables.
func (db *DB) deliver(changes []Change) error {
	edits := make([]edit, 0, len(changes))
	for _, change := range changes {
		e, ok, err := db.edit(change)
		if err != nil {
			return err
		}
		if ok {
			edits = append(edits, e)
		}
	}
	db.apply(edits, changes[len(changes)-1].Revision)
	return nil
}

// resync reads the state at a revision R and applies what differs from the tables, deletions included; the feed resumes at R+1.
func (db *DB) resync() error {
	edits, revision, err := db.snapshot(db.ctx)
	if err != nil {
		return err
	}
	present := make(map[string]bool, len(edits))
	fresh := edits[:0]
	db.mu.RLock()
	for _, e := range edits {
		present[e.key] = true
		if old := e.table.get(e.key); old == nil || old.revision != e.revision {
			fresh = append(fresh, e)
		}
	}
	for _, t := range db.tables {
		for key := range t.byKey {
			if !present[key] {
				fresh = append(fresh, edit{table: t, key: key, revision: revision})
			}
		}
	}
	db.mu.RUnlock()
	slices.SortStableFunc(fresh, func(a, b edit) int { return cmp.Compare(a.revision, b.revision) })
	db.apply(fresh, revision)
	return nil
}

// edit reads a change: false when it isn't one of a declared table.
func (db *DB) edit(change Change) (e edit, ok bool, err error) {
	scope, name, id, ok := splitKey(change.Key)
	if !ok {
		return edit{}, false, nil
	}
	t := db.tables[name]
	if t == nil {
		return edit{}, false, nil
	}
	e = edit{table: t, key: change.Key, revision: change.Revision}
	if change.Deleted {
		return e, true, nil
	}
	if r := db.queue.sent(change.Item, db.config.CheckValues); r != nil {
		e.row = r
		return e, true, nil
	}
	e.row, err = t.decode(change.Item, scope, id)
	if err != nil {
		return edit{}, false, &unreadableError{err}
	}
	if db.config.CheckValues && !e.row.foreign {
		e.row.raw, err = t.codec.encode(e.row.value)
	}
	return e, true, err
}

// apply shows edits to readers and watchers, all at once, and with them all that the backend has up to revision.
func (db *DB) apply(edits []edit, revision int64) {
	db.mu.Lock()
	for _, e := range edits {
		var old *row
		if e.row != nil {
			old = e.table.set(e.row)
		} else {
			old = e.table.remove(e.key)
		}
		if old == nil && e.row == nil {
			continue
		}
		db.check(e.table, old)
		e.table.tell(change{old, e.row, e.revision})
		if e.table == db.leases.table {
			db.depose(e)
		}
	}
	db.applied = revision
	db.mu.Unlock()
	db.seen.advance(revision)
}

// unreadableError is a value that this release can't read: no retry helps.
type unreadableError struct{ error }

func (e *unreadableError) Unwrap() error { return e.error }
func (e *unreadableError) Error() string {
	return fmt.Sprintf("%v: was it written by a newer release?", e.error)
}
