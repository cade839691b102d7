package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

func (p *Pebble) Append(ctx context.Context, group GroupID, name string, add Batch) error {
	defer p.locks.lock(group, name)()
	r, err := loadRecord(p.db, group, name)
	if err != nil {
		return err
	}
	if err := p.room(); err != nil {
		return err
	}
	batch := p.db.NewBatch()
	defer batch.Close()
	if add.Source != "" {
		if err := p.advance(batch, group, r.ID, add); err != nil {
			return err
		}
	}
	value := make([]byte, 0, 512)
	for _, event := range add.Events {
		r.Appended++
		r.Bytes += int64(len(event.Message)) + EventOverhead
		if r.First == 0 || event.Time < r.First {
			r.First = event.Time
		}
		r.Last = max(r.Last, event.Time)
		value = appendEventValue(value[:0], event.Time, add.Now, event.Message)
		if err := batch.Set(eventKey(group, Position{Time: event.Time, Stream: r.ID, Seq: r.Appended}), value, nil); err != nil {
			return err
		}
	}
	r.Ingested = add.Now
	if err := saveRecord(batch, group, name, r); err != nil {
		return err
	}
	return p.commit(batch)
}

// advance moves the source's offset to the end of what is added, or refuses what begins below it.
func (p *Pebble) advance(batch *pebble.Batch, group GroupID, stream uint64, add Batch) error {
	key := offsetKey(group, stream, add.Source)
	value, closer, err := p.db.Get(key)
	switch {
	case err == nil:
		next, n := binary.Uvarint(value)
		closer.Close()
		if n <= 0 {
			return fmt.Errorf("journal: offset of source %s is damaged", add.Source)
		}
		if add.First < next {
			return &OffsetError{Source: add.Source, Next: next}
		}
	case !errors.Is(err, pebble.ErrNotFound):
		return fmt.Errorf("journal: read offset of source %s: %w", add.Source, err)
	}
	return batch.Set(key, binary.AppendUvarint(nil, add.End), nil)
}
