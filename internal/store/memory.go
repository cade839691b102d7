package store

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/RaduBerinde/btreemap"
)

// MemoryConfig sets up a memory backend.
type MemoryConfig struct {
	// Quota limits the bytes of keys and values. 0 is no limit.
	Quota int64
	// History is how many revisions stay available to watchers. 0 means 10,000.
	History int
}

// Memory is a DB that lives in memory and is gone with it. It is for tests: it has no goroutine that waits for anything but
// channels, so it fits a synctest bubble, and it checks that values are not changed once the store has them.
func Memory() *DB {
	return New(NewMemory(MemoryConfig{}), Config{CheckValues: true})
}

// NewMemory is a backend in memory. Several DBs may share one, as several servers share a cluster.
func NewMemory(config MemoryConfig) Backend {
	if config.History == 0 {
		config.History = 10_000
	}
	return &memory{
		config:  config,
		items:   btreemap.New[string, Item](32, strings.Compare),
		changed: make(chan struct{}),
	}
}

type memory struct {
	config MemoryConfig

	mu        sync.Mutex
	items     *btreemap.BTreeMap[string, Item]
	size      int64
	full      bool
	revision  int64
	compacted int64
	history   [][]Change    // of the revisions compacted+1 to revision
	changed   chan struct{} // closed at the next commit
}

func (m *memory) Snapshot(ctx context.Context, each func(Item) error) (int64, error) {
	m.mu.Lock()
	items, revision := m.items.Clone(), m.revision
	m.mu.Unlock()
	for _, item := range items.Ascend(btreemap.Min[string](), btreemap.Max[string]()) {
		if err := each(item); err != nil {
			return 0, err
		}
	}
	return revision, ctx.Err()
}

func (m *memory) Commit(ctx context.Context, batch Batch) (Outcome, error) {
	if err := ctx.Err(); err != nil {
		return Outcome{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if batch.Guard != nil && !m.holds(*batch.Guard) {
		return Outcome{Revision: m.revision, Fenced: true}, nil
	}
	if err := proper(batch); err != nil {
		return Outcome{}, err
	}
	if m.exceeds(batch) {
		return Outcome{}, fmt.Errorf("%d bytes of %d are used: %w", m.size, m.config.Quota, ErrFull)
	}
	applied := make([]bool, len(batch.Mutations))
	for i, mutation := range batch.Mutations {
		applied[i] = m.allHold(mutation.Compares)
	}
	var changes []Change
	for i, mutation := range batch.Mutations {
		if applied[i] {
			changes = m.apply(changes, mutation.Writes)
		}
	}
	if len(changes) > 0 {
		m.record(changes)
	}
	return Outcome{Revision: m.revision, Applied: applied}, nil
}

// proper refuses a batch whose mutations touch what earlier ones write. Others couldn't tell what it does.
func proper(batch Batch) error {
	var earlier footprint
	for _, mutation := range batch.Mutations {
		j := &job{mutation: mutation}
		if earlier.feeds(j) {
			return fmt.Errorf("a batch touches a key after it writes it: %+v", mutation.Compares)
		}
		earlier.add(j)
	}
	return nil
}

// exceeds raises the alarm as etcd does: by the size of all values to be written, whether or not they replace others.
// It comes down when deletions have made room.
func (m *memory) exceeds(batch Batch) bool {
	if m.config.Quota == 0 {
		return false
	}
	var added int64
	for _, mutation := range batch.Mutations {
		for _, w := range mutation.Writes {
			if !w.Delete {
				added += int64(len(w.Key) + len(w.Value))
			}
		}
	}
	if added == 0 {
		return false
	}
	m.full = m.size+added > m.config.Quota
	return m.full
}

func (m *memory) allHold(compares []Compare) bool {
	for _, c := range compares {
		if !m.holds(c) {
			return false
		}
	}
	return true
}

func (m *memory) holds(c Compare) bool {
	if !c.Prefix {
		_, item, _ := m.items.Get(c.Key)
		return item.Revision == c.Revision
	}
	for _, item := range m.items.Ascend(btreemap.GE(c.Key), btreemap.LT(afterPrefix(c.Key))) {
		if item.Revision > c.Revision {
			return false
		}
	}
	return true
}

func (m *memory) apply(changes []Change, writes []Write) []Change {
	for _, w := range writes {
		item := Item{Key: w.Key, Value: w.Value, Revision: m.revision + 1}
		if w.Delete {
			_, old, found := m.items.Delete(w.Key)
			if !found {
				continue
			}
			m.size -= int64(len(old.Key) + len(old.Value))
			item.Value = nil
		} else {
			_, old, _ := m.items.ReplaceOrInsert(w.Key, item)
			m.size += int64(len(item.Key)+len(item.Value)) - int64(len(old.Key)+len(old.Value))
		}
		changes = append(changes, Change{Item: item, Deleted: w.Delete})
	}
	return changes
}

func (m *memory) record(changes []Change) {
	m.revision++
	m.history = append(m.history, changes)
	if extra := len(m.history) - m.config.History; extra > m.config.History/2 {
		m.forget(extra)
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memory) forget(revisions int) {
	m.history = append([][]Change(nil), m.history[revisions:]...)
	m.compacted += int64(revisions)
}

func (m *memory) Watch(ctx context.Context, from int64, deliver func([]Change) error) error {
	for {
		m.mu.Lock()
		if from <= m.compacted {
			compacted := m.compacted
			m.mu.Unlock()
			return fmt.Errorf("revision %d, of which the last forgotten is %d: %w", from, compacted, ErrCompacted)
		}
		fresh := m.history[min(from-m.compacted-1, int64(len(m.history))):]
		changed := m.changed
		m.mu.Unlock()
		for _, changes := range fresh {
			if err := deliver(changes); err != nil {
				return err
			}
			from = changes[0].Revision + 1
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *memory) Compact(_ context.Context, revision int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision = min(revision, m.revision); revision > m.compacted {
		m.forget(int(revision - m.compacted))
	}
	return nil
}

func (m *memory) Health(context.Context) Health {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Health{Backend: "memory", Revision: m.revision, Compacted: m.compacted, Size: m.size, InUse: m.size, Quota: m.config.Quota, Full: m.full}
}

func (m *memory) Close() error { return nil }
