package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// Sequence is the record of the highest number that may have been sent to an instance, by its id. Payloads and manifests
// are numbered by one sequence that never goes back: an agent drops a manifest that is not above all it has seen.
type Sequence struct {
	Ceiling int64 `json:"ceiling"`
}

// SequenceTable names the table of sequences, "service/kind". It outlives a reset.
const (
	SequenceTable = "ecs/" + sequenceKind
	sequenceKind  = "sequence"
)

// block is how many numbers a session reserves at a time. Numbers are milliseconds, so that one session a second stays
// in step with the clock.
const block = 1000

// sequence hands out the numbers of one session.
type sequence struct {
	db     *store.DB
	table  *store.Table[Sequence]
	scope  store.Scope
	holder string // id of the instance
	last   int64
	end    int64 // last number of the block
}

// next returns a number above all that were ever sent to the instance: by any server, before any restart, and, since it
// is at least the clock's, before the state was restored from a copy.
func (q *sequence) next(ctx context.Context) (int64, error) {
	if q.last == q.end {
		if err := q.reserve(ctx); err != nil {
			return 0, fmt.Errorf("reserve sequence numbers: %w", err)
		}
	}
	q.last++
	return q.last, nil
}

func (q *sequence) reserve(ctx context.Context) error {
	var from int64
	err := q.db.Update(ctx, func(tx *store.Tx) error {
		from = time.Now().UnixMilli()
		if stored, ok := q.table.GetTx(tx, q.scope, q.holder); ok {
			from = max(from, stored.Ceiling)
		}
		return q.table.Put(tx, q.scope, q.holder, &Sequence{Ceiling: from + block})
	})
	if err == nil {
		q.last, q.end = from, from+block
	}
	return err
}
