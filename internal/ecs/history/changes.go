package history

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

func (p *Pebble) Append(_ context.Context, changes [][]byte, marks Marks) error {
	if err := p.room(); err != nil {
		return err
	}
	p.appending.Lock()
	defer p.appending.Unlock()
	batch := p.db.NewBatch()
	defer batch.Close()
	next := p.next
	for _, change := range changes {
		if err := batch.Set(changeKey(next), change, nil); err != nil {
			return err
		}
		next++
	}
	if err := setNumber(batch, nextName, next); err != nil {
		return err
	}
	for name, revision := range marks {
		if err := setNumber(batch, name, uint64(revision)); err != nil {
			return err
		}
	}
	// Unsynced, the changes would stay in this process' memory, for minutes on a quiet machine.
	if err := p.commit(batch, pebble.Sync); err != nil {
		return err
	}
	p.next = next
	return nil
}

func (p *Pebble) LastChange() uint64 {
	p.appending.Lock()
	defer p.appending.Unlock()
	return p.next - 1
}

func (p *Pebble) Changes(ctx context.Context, after uint64) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		it, err := p.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: changeKey(after + 1), UpperBound: []byte{changeKind + 1}})
		if err != nil {
			yield(Change{}, fmt.Errorf("history: %w", err))
			return
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			change := Change{binary.BigEndian.Uint64(it.Key()[1:]), bytes.Clone(it.Value())}
			if !yield(change, nil) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(Change{}, fmt.Errorf("history: %w", err))
		}
	}
}

func (p *Pebble) Marks(ctx context.Context) (Marks, error) {
	it, err := p.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: []byte{metaKind}, UpperBound: []byte{metaKind + 1}})
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	defer it.Close()
	marks := Marks{}
	for ok := it.First(); ok; ok = it.Next() {
		name := string(it.Key()[1:])
		if name == countName || name == nextName {
			continue
		}
		if len(it.Value()) != 8 {
			return nil, fmt.Errorf("history: the mark %s is damaged", name)
		}
		marks[name] = int64(binary.BigEndian.Uint64(it.Value()))
	}
	return marks, it.Error()
}

// trimChanges removes all changes but about the newest so many.
func (p *Pebble) trimChanges(keep int) error {
	p.appending.Lock()
	defer p.appending.Unlock()
	if p.next <= uint64(keep) || p.next-uint64(keep) <= p.trimmed {
		return nil
	}
	first := p.next - uint64(keep)
	if err := p.db.DeleteRange(changeKey(0), changeKey(first), pebble.NoSync); err != nil {
		return fmt.Errorf("history: remove old changes: %w", err)
	}
	p.trimmed = first
	return nil
}
