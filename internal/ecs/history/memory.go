package history

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/berth-dev/berth/internal/store"
)

// Memory is a history that ends with its process: for hollow control planes and tests.
type Memory struct {
	mu      sync.Mutex
	records map[name]Record
	changes []Change
	last    uint64
	marks   Marks
}

type name struct {
	scope store.Scope
	id    string
}

var _ History = (*Memory)(nil)

// NewMemory returns an empty history.
func NewMemory() *Memory { return &Memory{records: map[name]Record{}, marks: Marks{}} }

func (m *Memory) Put(_ context.Context, records []Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records {
		r.Ended = r.Ended.UTC()
		m.records[name{r.Scope, r.ID}] = r
	}
	return nil
}

func (m *Memory) Get(_ context.Context, scope store.Scope, id string) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[name{scope, id}]
	if !ok {
		return Record{}, ErrNone
	}
	return r, nil
}

func (m *Memory) Find(_ context.Context, scope store.Scope, key, after string) iter.Seq2[Record, error] {
	found := m.under(scope, key)
	found = slices.DeleteFunc(found, func(r Record) bool { return r.ID <= after })
	slices.SortFunc(found, func(a, b Record) int { return strings.Compare(a.ID, b.ID) })
	return func(yield func(Record, error) bool) {
		for _, r := range found {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (m *Memory) Latest(_ context.Context, scope store.Scope, key string, n int) ([]Record, error) {
	found := m.under(scope, key)
	slices.SortFunc(found, func(a, b Record) int { return b.Ended.Compare(a.Ended) })
	return found[:min(n, len(found))], nil
}

func (m *Memory) under(scope store.Scope, key string) (found []Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n, r := range m.records {
		if n.scope == scope && slices.Contains(r.Keys, key) {
			found = append(found, r)
		}
	}
	return found
}

func (m *Memory) Trim(_ context.Context, keep Keep) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	byAge := slices.SortedFunc(maps.Values(m.records), func(a, b Record) int { return a.Ended.Compare(b.Ended) })
	for _, r := range byAge {
		if !r.Ended.Before(keep.Since) && (len(m.records) <= keep.Records || !r.Ended.Before(keep.Surely)) {
			break
		}
		delete(m.records, name{r.Scope, r.ID})
	}
	m.changes = m.changes[max(0, len(m.changes)-keep.Changes):]
	return nil
}

func (m *Memory) Append(_ context.Context, changes [][]byte, marks Marks) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, value := range changes {
		m.last++
		m.changes = append(m.changes, Change{m.last, value})
	}
	maps.Copy(m.marks, marks)
	return nil
}

func (m *Memory) Changes(_ context.Context, after uint64) iter.Seq2[Change, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, _ := slices.BinarySearchFunc(m.changes, after+1, func(c Change, n uint64) int { return int(c.Number) - int(n) })
	changes := slices.Clone(m.changes[i:])
	return func(yield func(Change, error) bool) {
		for _, c := range changes {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (m *Memory) Marks(context.Context) (Marks, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.marks), nil
}

func (m *Memory) LastChange() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

func (m *Memory) Clear(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records, m.changes, m.marks = map[name]Record{}, nil, Marks{}
	return nil
}

// Close does nothing.
func (m *Memory) Close() error { return nil }
