package history

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/berth-dev/berth/internal/store"
)

func (p *Pebble) Put(_ context.Context, records []Record) error {
	if err := p.room(); err != nil {
		return err
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	batch := p.db.NewBatch()
	defer batch.Close()
	added := uint64(0)
	put := map[string]bool{} // in this batch
	for i := range records {
		r := &records[i]
		key := recordKey(nil, r.Scope, r.ID)
		if put[string(key)] {
			return fmt.Errorf("history: record %s is put twice at once", r.ID)
		}
		put[string(key)] = true
		isNew, err := p.replace(batch, key, r)
		if err != nil {
			return err
		}
		if isNew {
			added++
		}
		if err := setRecord(batch, key, r); err != nil {
			return err
		}
	}
	if err := setNumber(batch, countName, p.records+added); err != nil {
		return err
	}
	if err := p.commit(batch, pebble.Sync); err != nil {
		return err
	}
	p.records += added
	return nil
}

// replace removes what a record that is there already is found by, and tells whether there was none.
func (p *Pebble) replace(batch *pebble.Batch, key []byte, r *Record) (isNew bool, err error) {
	old, err := p.read(key, r.Scope, r.ID)
	if errors.Is(err, ErrNone) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if err := batch.Delete(ageKey(nil, old.Ended, old.Scope, old.ID), nil); err != nil {
		return false, err
	}
	return false, unset(batch, &old)
}

func setRecord(batch *pebble.Batch, key []byte, r *Record) error {
	var buf [512]byte
	if err := batch.Set(key, appendRecord(buf[:0], r), nil); err != nil {
		return err
	}
	ended := appendTime(nil, r.Ended)
	for _, k := range r.Keys {
		if err := batch.Set(keyKey(buf[:0], r.Scope, k, r.ID), ended, nil); err != nil {
			return err
		}
	}
	return batch.Set(ageKey(buf[:0], r.Ended, r.Scope, r.ID), nil, nil)
}

// unset removes a record and all that it is found by but its age.
func unset(batch *pebble.Batch, r *Record) error {
	var buf [512]byte
	for _, k := range r.Keys {
		if err := batch.Delete(keyKey(buf[:0], r.Scope, k, r.ID), nil); err != nil {
			return err
		}
	}
	return batch.Delete(recordKey(buf[:0], r.Scope, r.ID), nil)
}

func (p *Pebble) Get(_ context.Context, scope store.Scope, id string) (Record, error) {
	var buf [128]byte
	return p.read(recordKey(buf[:0], scope, id), scope, id)
}

func (p *Pebble) read(key []byte, scope store.Scope, id string) (Record, error) {
	value, closer, err := p.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return Record{}, ErrNone
	}
	if err != nil {
		return Record{}, fmt.Errorf("history: read record %s: %w", id, err)
	}
	defer closer.Close()
	return readRecord(scope, id, value)
}
