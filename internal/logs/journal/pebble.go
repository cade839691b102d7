package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"log/slog"
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2"

	"github.com/berth-dev/berth/internal/disk"
	"github.com/berth-dev/berth/internal/lsm"
)

// Pebble is the journal of one machine: an LSM tree in a directory of its own.
//
// Every change is one Pebble batch, synced before the method returns; Pebble gathers the syncs of writers that come
// together, so the streams of a machine share them. Appends to one stream follow each other.
type Pebble struct {
	db    *pebble.DB
	disk  *disk.Guard
	locks locks
}

var _ Journal = (*Pebble)(nil)

// OpenPebble opens the journal in dir, or makes one there when dir is empty or absent. A directory that is damaged, or held
// by another process, is refused and left as it is.
func OpenPebble(dir string, log *slog.Logger) (*Pebble, error) {
	db, err := lsm.Open(dir, "log journal", log)
	if err != nil {
		return nil, err
	}
	return &Pebble{db: db, disk: disk.NewGuard(dir, disk.Reserve), locks: locks{seed: maphash.MakeSeed()}}, nil
}

// Close closes the directory.
func (p *Pebble) Close() error { return p.db.Close() }

func (p *Pebble) CreateStream(ctx context.Context, group GroupID, name string, now int64) error {
	defer p.locks.lock(group, name)()
	switch _, err := loadRecord(p.db, group, name); {
	case err == nil:
		return ErrStreamExists
	case !errors.Is(err, ErrNoStream):
		return err
	}
	if err := p.room(); err != nil {
		return err
	}
	batch := p.db.NewBatch()
	defer batch.Close()
	// 64 random bits: two streams of one group never meet.
	if err := saveRecord(batch, group, name, &record{ID: rand.Uint64(), Created: now}); err != nil {
		return err
	}
	return p.commit(batch)
}

func (p *Pebble) DeleteStream(ctx context.Context, group GroupID, name string) error {
	defer p.locks.lock(group, name)()
	r, err := loadRecord(p.db, group, name)
	if err != nil {
		return err
	}
	batch := p.db.NewBatch()
	defer batch.Close()
	if err := batch.Delete(streamKey(group, name), nil); err != nil {
		return err
	}
	for _, kind := range []byte{eventKind, offsetKind} {
		prefix := streamPrefix(kind, group, r.ID)
		if err := batch.DeleteRange(prefix, prefixEnd(prefix), nil); err != nil {
			return err
		}
	}
	return p.commit(batch)
}

func (p *Pebble) Stream(ctx context.Context, group GroupID, name string) (Stream, error) {
	r, err := loadRecord(p.db, group, name)
	if err != nil {
		return Stream{}, err
	}
	return r.stream(name), nil
}

func (p *Pebble) Streams(ctx context.Context, group GroupID, prefix, after string) iter.Seq2[Stream, error] {
	return streams(ctx, p.db, group, prefix, after)
}

func streams(ctx context.Context, from pebble.Reader, group GroupID, prefix, after string) iter.Seq2[Stream, error] {
	return func(yield func(Stream, error) bool) {
		lower := streamKey(group, prefix)
		it, err := from.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: lower, UpperBound: prefixEnd(lower)})
		if err != nil {
			yield(Stream{}, fmt.Errorf("journal: list streams: %w", err))
			return
		}
		defer it.Close()
		start := lower
		if after != "" {
			start = append(streamKey(group, after), 0)
		}
		for ok := it.SeekGE(start); ok; ok = it.Next() {
			r, err := decodeRecord(it.Key(), it.Value())
			if err != nil {
				yield(Stream{}, err)
				return
			}
			if !yield(r.stream(string(it.Key()[groupLen:])), nil) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(Stream{}, fmt.Errorf("journal: list streams: %w", err))
		}
	}
}

func (p *Pebble) DropGroup(ctx context.Context, group GroupID) error {
	defer p.locks.lockAll()()
	batch := p.db.NewBatch()
	defer batch.Close()
	for _, kind := range []byte{streamKind, eventKind, offsetKind} {
		prefix := groupKey(kind, group)
		if err := batch.DeleteRange(prefix, prefixEnd(prefix), nil); err != nil {
			return err
		}
	}
	return p.commit(batch)
}

func (p *Pebble) Groups(ctx context.Context) ([]GroupID, error) {
	it, err := p.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: []byte{streamKind}, UpperBound: []byte{streamKind + 1}})
	if err != nil {
		return nil, fmt.Errorf("journal: list groups: %w", err)
	}
	defer it.Close()
	var groups []GroupID
	for ok := it.First(); ok; ok = it.SeekGE(prefixEnd(it.Key()[:groupLen])) {
		groups = append(groups, GroupID(binary.BigEndian.Uint64(it.Key()[1:])))
	}
	return groups, it.Error()
}

// room returns ErrNoSpace while appends are to be refused: Pebble ends the process when its log can't be written, and needs
// room to compact before it can give any back.
func (p *Pebble) room() error {
	if err := p.disk.Room(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return nil
}

// commit makes the batch durable.
func (p *Pebble) commit(batch *pebble.Batch) error {
	if err := p.db.Apply(batch, pebble.Sync); err != nil {
		return fmt.Errorf("journal: write: %w", err)
	}
	return nil
}
