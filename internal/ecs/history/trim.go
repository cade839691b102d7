package history

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// trimStep bounds the records that one batch of Trim removes, and so how long a Put waits for it.
const trimStep = 1000

func (p *Pebble) Trim(ctx context.Context, keep Keep) error {
	if err := p.trimChanges(keep.Changes); err != nil {
		return err
	}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if more, err = p.trimRecords(ctx, keep); err != nil {
			return err
		}
	}
	return nil
}

// trimRecords removes the oldest records of those beyond the bounds, and tells whether there are more.
func (p *Pebble) trimRecords(ctx context.Context, keep Keep) (more bool, err error) {
	p.writing.Lock()
	defer p.writing.Unlock()
	it, err := p.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: []byte{ageKind}, UpperBound: []byte{ageKind + 1}})
	if err != nil {
		return false, fmt.Errorf("history: %w", err)
	}
	defer it.Close()
	batch := p.db.NewBatch()
	defer batch.Close()
	left, n := p.records, 0
	var last []byte
	for ok := it.First(); ok; ok = it.Next() {
		ended := readTime(it.Key()[1:])
		old := ended.Before(keep.Since) || left > uint64(keep.Records) && ended.Before(keep.Surely)
		if more = old && n == trimStep; more || !old {
			break
		}
		if err := p.forget(batch, it.Key()); err != nil {
			return false, err
		}
		last = append(last[:0], it.Key()...)
		if n++; left > 0 {
			left--
		}
	}
	if err := it.Error(); err != nil {
		return false, fmt.Errorf("history: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	// As one range: what looks for the oldest would else step over all that ever were.
	if err := batch.DeleteRange([]byte{ageKind}, append(last, 0), nil); err != nil {
		return false, err
	}
	if err := setNumber(batch, countName, left); err != nil {
		return false, err
	}
	if err := p.commit(batch, pebble.Sync); err != nil {
		return false, err
	}
	p.records = left
	return more, nil
}

// forget removes the record that is under a key of ages, but that key.
func (p *Pebble) forget(batch *pebble.Batch, age []byte) error {
	scope, id, ok := cutScope(age[9:])
	if !ok {
		return fmt.Errorf("history: the key %x is damaged", age)
	}
	r, err := p.read(recordKey(nil, scope, string(id)), scope, string(id))
	if errors.Is(err, ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	return unset(batch, &r)
}
