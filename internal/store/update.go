package store

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"time"
)

// Update runs fn in a transaction and commits what it wrote. When fn fails nothing is written and its error is returned.
// When Update returns nil the change is durable and every read of this process shows it.
//
// fn may run several times, when what it has read changes meanwhile: it does nothing but read and write through tx, and sets variables
// outside only to what the last run makes right. It starts no other Update. After too many runs the error is ErrConflict. When ctx ends
// while the commit is under way, or the backend doesn't answer, the error is ErrInDoubt.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	db.clearing.RLock()
	defer db.clearing.RUnlock()
	return db.update(ctx, nil, fn)
}

// Updater is what changes the state: a [DB], or a [Leader] on behalf of the DB.
type Updater interface {
	Update(ctx context.Context, fn func(*Tx) error) error
}

func (db *DB) update(ctx context.Context, guard *Compare, fn func(*Tx) error) error {
	var contested string
	for attempt := range maxAttempts {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		again, err := db.attempt(ctx, guard, fn, attempt, &contested)
		if !again {
			return err
		}
	}
	return fmt.Errorf("%d attempts, the last one over %s: %w", maxAttempts, contested, ErrConflict)
}

// attempt runs a transaction once, and says whether to run it again. A transaction that lost a key waits for its turn among those that lost
// the same key, so that each of many gets through.
func (db *DB) attempt(ctx context.Context, guard *Compare, fn func(*Tx) error, attempt int, contested *string) (again bool, err error) {
	if *contested != "" {
		leave, err := db.turn(ctx, *contested, attempt)
		if err != nil {
			return false, err
		}
		defer leave()
	}
	tx := &Tx{db: db, ctx: ctx, reads: map[string]*row{}, prefixes: map[string]int64{}, writes: map[string]*write{}}
	err = fn(tx)
	if err == nil {
		err = tx.err
	}
	j := tx.job(guard)
	if err != nil || len(j.mutation.Writes) == 0 {
		// What was concluded from rows that are no longer so, or never were so together, is no answer.
		*contested = tx.changed()
		return *contested != "", err
	}
	v := db.commit(ctx, j)
	if v.err != nil || v.applied {
		return false, v.err
	}
	if err := db.seen.wait(ctx, v.revision); err != nil {
		return false, err
	}
	if *contested = tx.changed(); *contested == "" {
		*contested = tx.order[0]
	}
	return true, nil
}

var seed = maphash.MakeSeed()

// turn waits until no other transaction of this process retries over the same key, and a little longer each time, for those of others.
func (db *DB) turn(ctx context.Context, key string, attempt int) (leave func(), err error) {
	if attempt > 3 {
		longest := min(100*time.Microsecond<<attempt, 20*time.Millisecond)
		select {
		case <-time.After(rand.N(longest)):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	turn := db.turns[maphash.String(seed, key)%uint64(len(db.turns))]
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
