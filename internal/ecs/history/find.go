package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/berth-dev/berth/internal/store"
)

func (p *Pebble) Find(ctx context.Context, scope store.Scope, key, after string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for at, err := range p.under(ctx, scope, key, after) {
			if err != nil {
				yield(Record{}, err)
				return
			}
			r, err := p.Get(ctx, scope, at.id)
			if errors.Is(err, ErrNone) {
				continue // trimmed meanwhile
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func (p *Pebble) Latest(ctx context.Context, scope store.Scope, key string, n int) ([]Record, error) {
	var latest []entry // the last to end first
	for at, err := range p.under(ctx, scope, key, "") {
		if err != nil {
			return nil, err
		}
		i, _ := slices.BinarySearchFunc(latest, at, byEnd)
		if i == n {
			continue
		}
		latest = slices.Insert(latest, i, at)
		latest = latest[:min(n, len(latest))]
	}
	var records []Record
	for _, at := range latest {
		r, err := p.Get(ctx, scope, at.id)
		if errors.Is(err, ErrNone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// entry is what is known of a record by one of its keys alone.
type entry struct {
	id    string
	ended time.Time
}

// byEnd orders entries, those that ended last first.
func byEnd(a, b entry) int { return b.ended.Compare(a.ended) }

// under yields what has a key, in order of ids after the one given.
func (p *Pebble) under(ctx context.Context, scope store.Scope, key, after string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		prefix := keyPrefix(nil, scope, key)
		from := append(slices.Clone(prefix), after...)
		if after != "" {
			from = append(from, 0)
		}
		it, err := p.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: from, UpperBound: prefixEnd(prefix)})
		if err != nil {
			yield(entry{}, fmt.Errorf("history: %w", err))
			return
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			if ctx.Err() != nil {
				yield(entry{}, context.Cause(ctx))
				return
			}
			if !yield(entry{string(it.Key()[len(prefix):]), readTime(it.Value())}, nil) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(entry{}, fmt.Errorf("history: %w", err))
		}
	}
}

// prefixEnd returns the first key after all those that begin with prefix, whose first byte is a kind.
func prefixEnd(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; ; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
}
