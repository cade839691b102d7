package store

import (
	"context"
	"slices"
	"sync"
)

// Event is one row's change. Old is nil when the row is new, New is nil when it was deleted.
type Event[T any] struct {
	Old, New *Row[T]
	// Revision is that of the change: for a deletion, later than Old's.
	Revision int64
}

// Watch is the table's rows of all scopes as they are now, and every change from then on, in order of revision.
// The channel closes when ctx ends or the DB closes; until then somebody must read it.
//
// A reader that falls far behind, or that was behind when the feed had to be taken up by a snapshot, gets several changes of one row
// as one: from the oldest state it has not seen to the newest. It misses states, never the last one.
func (t *Table[T]) Watch(ctx context.Context) ([]Row[T], <-chan Event[T]) {
	return t.watch(ctx, func(*row) bool { return true }, t.all)
}

// WatchKey is Watch for the rows that an index has under key. A row that comes under the key is an event without Old, one that leaves it
// is an event without New.
func (t *Table[T]) WatchKey(ctx context.Context, scope Scope, index, key string) ([]Row[T], <-chan Event[T]) {
	name := t.indexKey(scope, index, key)
	under := func(r *row) bool { return slices.Contains(r.keys, name) }
	return t.watch(ctx, under, func() []*row {
		rows, _ := scan(t.under(name), "", 0)
		return rows
	})
}

func (t *Table[T]) watch(ctx context.Context, wants func(*row) bool, now func() []*row) ([]Row[T], <-chan Event[T]) {
	w := &watcher{wants: wants, more: make(chan struct{}, 1), limit: watchLimit}
	events := make(chan Event[T], handed)
	t.db.mu.Lock()
	rows := now()
	if t.db.ctx.Err() != nil {
		close(events)
	} else {
		t.watchers[w] = struct{}{}
		t.db.work.Go(func() { t.pump(ctx, w, events) })
	}
	t.db.mu.Unlock()
	return slices.Collect(each[T](rows)), events
}

// pump hands a watcher's changes to its reader.
func (t *Table[T]) pump(ctx context.Context, w *watcher, events chan<- Event[T]) {
	defer close(events)
	defer t.forget(w)
	for {
		for _, c := range w.take() {
			select {
			case events <- eventOf[T](c):
			case <-ctx.Done():
				return
			case <-t.db.ctx.Done():
				return
			}
		}
		select {
		case <-w.more:
		case <-ctx.Done():
			return
		case <-t.db.ctx.Done():
			return
		}
	}
}

func (t *Table[T]) forget(w *watcher) {
	t.db.mu.Lock()
	defer t.db.mu.Unlock()
	delete(t.watchers, w)
}

func eventOf[T any](c change) Event[T] {
	e := Event[T]{Revision: c.revision}
	if c.old != nil {
		old := rowOf[T](c.old)
		e.Old = &old
	}
	if c.new != nil {
		row := rowOf[T](c.new)
		e.New = &row
	}
	return e
}

// change is an Event before it has a type.
type change struct {
	old, new *row
	revision int64
}

// tell hands a change to the table's watchers. The DB's lock is held.
func (t *table) tell(c change) {
	for w := range t.watchers {
		w.put(c)
	}
}

// handed is how many changes are handed to a reader before it has taken the first: one by one, each would cost two switches
// between goroutines.
const handed = 64

// watchLimit is how many changes wait for one reader before those of the same row are merged.
const watchLimit = 4096

// watcher queues changes for one reader.
type watcher struct {
	wants func(*row) bool
	more  chan struct{} // holds one when the queue isn't empty

	mu    sync.Mutex
	queue []change
	limit int
}

func (w *watcher) put(c change) {
	if c.old != nil && !w.wants(c.old) {
		c.old = nil
	}
	if c.new != nil && !w.wants(c.new) {
		c.new = nil
	}
	if c.old == nil && c.new == nil {
		return
	}
	w.mu.Lock()
	if w.queue = append(w.queue, c); len(w.queue) > w.limit {
		w.queue = merge(w.queue)
		w.limit = max(watchLimit, 2*len(w.queue))
	}
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *watcher) take() []change {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.queue
	w.queue, w.limit = nil, watchLimit
	return taken
}

// merge makes one change of all those of a row, in the place of its last. What came and went meanwhile leaves nothing.
func merge(queue []change) []change {
	first := make(map[string]change, len(queue))
	last := make(map[string]int, len(queue))
	for i, c := range queue {
		key := c.key()
		if _, ok := first[key]; !ok {
			first[key] = c
		}
		last[key] = i
	}
	var merged []change
	for i, c := range queue {
		if last[c.key()] != i {
			continue
		}
		if c.old = first[c.key()].old; c.old != nil || c.new != nil {
			merged = append(merged, c)
		}
	}
	return merged
}

func (c change) key() string {
	if c.new != nil {
		return c.new.key
	}
	return c.old.key
}
