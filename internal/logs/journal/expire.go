package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// expireStep bounds the events that one batch of Expire removes, and so how long a writer of that stream waits.
const expireStep = 20_000

func (p *Pebble) Expire(ctx context.Context, group GroupID, before int64) error {
	for stream, err := range p.Streams(ctx, group, "", "") {
		if err != nil {
			return err
		}
		for more := stream.First != 0 && stream.First < before; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			if more, err = p.expireStream(ctx, group, stream.Name, before); err != nil {
				return fmt.Errorf("journal: expire stream %q: %w", stream.Name, err)
			}
		}
	}
	return nil
}

// expireStream removes up to expireStep events of a stream and says whether there are more.
func (p *Pebble) expireStream(ctx context.Context, group GroupID, name string, before int64) (more bool, err error) {
	defer p.locks.lock(group, name)()
	r, err := loadRecord(p.db, group, name)
	if errors.Is(err, ErrNoStream) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	prefix := streamPrefix(eventKind, group, r.ID)
	it, err := p.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: prefixEnd(prefix)})
	if err != nil {
		return false, err
	}
	defer it.Close()

	// The first event that stays ends the range; First becomes its time.
	end := prefixEnd(prefix)
	r.First = 0
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		at := eventPosition(it.Key()).Time
		if at >= before || n == expireStep {
			r.First, end, more = at, append([]byte(nil), it.Key()...), at < before
			break
		}
		_, message, err := readEventValue(it.Value(), at)
		if err != nil {
			return false, err
		}
		r.Bytes -= int64(len(message)) + EventOverhead
		n++
	}
	if err := it.Error(); err != nil || n == 0 {
		return false, err
	}
	batch := p.db.NewBatch()
	defer batch.Close()
	if err := batch.DeleteRange(prefix, end, nil); err != nil {
		return false, err
	}
	if err := saveRecord(batch, group, name, r); err != nil {
		return false, err
	}
	return more, p.commit(batch)
}
