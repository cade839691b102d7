package store

import (
	"context"
	"slices"
)

// Backend is an ordered map of keys to values in which every commit gets the next revision: etcd's model, no more of it than
// the store needs. The DB is its only caller. It calls Commit from several goroutines, Watch from one.
type Backend interface {
	// Snapshot hands every item to each, in order of keys, all as they were at one revision, which it returns.
	Snapshot(ctx context.Context, each func(Item) error) (revision int64, err error)
	// Commit applies the mutations of a batch whose compares hold, as one revision; each of the others fails alone. It returns when
	// what it applied is durable. An error means that nothing was applied, except for ErrInDoubt.
	Commit(ctx context.Context, batch Batch) (Outcome, error)
	// Watch delivers every change from revision from on, in order, whole revisions at a time, until ctx ends or deliver fails.
	// It returns ErrCompacted when the changes are gone.
	Watch(ctx context.Context, from int64, deliver func([]Change) error) error
	// Compact forgets the changes before revision: their values, not the present ones.
	Compact(ctx context.Context, revision int64) error
	// Health says how the backend is.
	Health(ctx context.Context) Health
	// Close releases everything. No other call is under way or comes after.
	Close() error
}

// Item is a key with its value and the revision that wrote it.
type Item struct {
	Key      string
	Value    []byte
	Revision int64
}

// Change is one key's change: its new value, or its deletion.
type Change struct {
	Item
	Deleted bool
}

// Compare is a condition of a mutation.
type Compare struct {
	Key string
	// Revision is that of the key's last write; 0 says that the key is absent.
	Revision int64
	// Prefix makes Key a prefix, and the condition that no present key under it was written after Revision.
	Prefix bool
}

// Write sets a key or deletes it.
type Write struct {
	Key    string
	Value  []byte
	Delete bool
}

// Mutation is what one transaction does: all its writes if all its compares hold, nothing otherwise.
type Mutation struct {
	Compares []Compare
	Writes   []Write
}

// Batch is a group of mutations that commit together. No two of them write the same key, and none compares a key that an earlier
// one writes: compares are all made before the first write.
type Batch struct {
	// Guard, when set, must hold or the whole batch fails.
	Guard     *Compare
	Mutations []Mutation
}

// Grows tells whether the batch makes the state larger: it writes keys that may be new. What moves a present row on, such as
// an order to stop, takes the place of what it replaces, and is often what makes room.
func (b Batch) Grows() bool { return slices.ContainsFunc(b.Mutations, Mutation.grows) }

// Size is about how many bytes the batch writes.
func (b Batch) Size() (bytes int) {
	for _, m := range b.Mutations {
		for _, w := range m.Writes {
			bytes += len(w.Key) + len(w.Value)
		}
	}
	return bytes
}

func (m Mutation) grows() bool {
	return slices.ContainsFunc(m.Writes, func(w Write) bool {
		replaces := func(c Compare) bool { return c.Key == w.Key && c.Revision > 0 && !c.Prefix }
		return !w.Delete && !slices.ContainsFunc(m.Compares, replaces)
	})
}

// Outcome is what became of a batch.
type Outcome struct {
	// Revision is that of the writes, or the present one when nothing was written.
	Revision int64
	// Fenced says that the guard did not hold.
	Fenced bool
	// Applied says for each mutation whether its compares held.
	Applied []bool
}

// Health is the state of the store, for health endpoints and metrics.
type Health struct {
	// Backend is "memory" or "etcd".
	Backend string
	// Revision is the backend's last; Compacted the one up to which changes are forgotten.
	Revision, Compacted int64
	// Size is what the state takes on disk (in memory for Memory), InUse the part of it that holds live data, Quota the limit.
	// All in bytes; a Quota of 0 is no limit.
	Size, InUse, Quota int64
	// Full is the alarm: the quota was exceeded, and only deletions are accepted.
	Full bool
	// Applied is the last revision that this process' reads show. Filled in by the DB.
	Applied int64
	// Err says why the store does not work, nil when it does.
	Err error
}
