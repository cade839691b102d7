package history

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/berth-dev/berth/internal/disk"
	"github.com/berth-dev/berth/internal/lsm"
)

// Pebble is the history of one machine, in a directory of its own.
type Pebble struct {
	db   *pebble.DB
	disk *disk.Guard

	writing sync.Mutex // held by Put, Trim and Clear: the count of records is right only if they follow each other
	records uint64

	appending sync.Mutex // guards what follows, and orders the changes
	next      uint64     // number of the next change
	trimmed   uint64     // changes below are gone
}

var _ History = (*Pebble)(nil)

// Names of what stands under metaKind, beside the marks.
const (
	countName = "#records"
	nextName  = "#ceiling" // numbers below it were given
)

// OpenPebble opens the history in dir, or makes one there when dir is empty or absent. A directory that is damaged, or held
// by another process, is refused and left as it is.
func OpenPebble(dir string, log *slog.Logger) (*Pebble, error) {
	db, err := lsm.Open(dir, "history of stopped tasks", log)
	if err != nil {
		return nil, err
	}
	p := &Pebble{db: db, disk: disk.NewGuard(dir, disk.Reserve)}
	count, err1 := p.number(countName)
	next, err2 := p.number(nextName)
	if err := errors.Join(err1, err2); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	p.records = count
	p.next = max(1, next)
	return p, nil
}

// Close closes the directory.
func (p *Pebble) Close() error { return p.db.Close() }

// number reads a number under metaKind, 0 when there is none.
func (p *Pebble) number(name string) (uint64, error) {
	value, closer, err := p.db.Get(metaKey(name))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("history: read %s: %w", name, err)
	}
	defer closer.Close()
	if len(value) != 8 {
		return 0, fmt.Errorf("history: %s is damaged", name)
	}
	return binary.BigEndian.Uint64(value), nil
}

func setNumber(to *pebble.Batch, name string, n uint64) error {
	return to.Set(metaKey(name), binary.BigEndian.AppendUint64(nil, n), nil)
}

// Clear removes everything but the numbers that were given.
func (p *Pebble) Clear(ctx context.Context) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.appending.Lock()
	defer p.appending.Unlock()
	batch := p.db.NewBatch()
	defer batch.Close()
	for _, kind := range []byte{recordKind, keyKind, ageKind, changeKind, metaKind} {
		if err := batch.DeleteRange([]byte{kind}, []byte{kind + 1}, nil); err != nil {
			return err
		}
	}
	if err := setNumber(batch, nextName, p.next); err != nil {
		return err
	}
	if err := p.commit(batch, pebble.Sync); err != nil {
		return err
	}
	p.records = 0
	return nil
}

// room returns ErrNoSpace while nothing is to be added: Pebble ends the process when its log can't be written.
func (p *Pebble) room() error {
	if err := p.disk.Room(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return nil
}

func (p *Pebble) commit(batch *pebble.Batch, how *pebble.WriteOptions) error {
	if err := p.db.Apply(batch, how); err != nil {
		return fmt.Errorf("history: write: %w", err)
	}
	return nil
}
