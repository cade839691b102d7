// Package history keeps what the ECS service no longer needs in its state: the records of stopped tasks, and the journal of
// state changes that wait to be delivered as events. Package ecs alone calls it; what is in a record or a change is
// opaque here.
//
// [Pebble] is the history of one machine. An engine that several servers share can take its place; without one, stopped tasks
// stay in the state for as long as AWS promises. historytest is the suite that every implementation passes.
package history

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/berth-dev/berth/internal/store"
)

// History keeps records and changes. Its methods may be called at the same time by any number of goroutines.
type History interface {
	// Put keeps records. When it returns nil they are on disk. A record that is there already is replaced, so that a Put
	// whose answer was lost is repeated without harm. ErrNoSpace.
	Put(ctx context.Context, records []Record) error
	// Get returns one record. ErrNone.
	Get(ctx context.Context, scope store.Scope, id string) (Record, error)
	// Find yields the scope's records that have a key, in order of ids, those whose ids come after the one given. A record
	// that is put or trimmed meanwhile may or may not be among them.
	Find(ctx context.Context, scope store.Scope, key, after string) iter.Seq2[Record, error]
	// Latest are the up to n records with that key that ended last, the last first.
	Latest(ctx context.Context, scope store.Scope, key string, n int) ([]Record, error)
	// Trim removes what is beyond the bounds, the oldest first, in small steps. It may be interrupted and repeated.
	Trim(ctx context.Context, keep Keep) error

	// Append adds changes to the journal and gives them successive numbers, with where their sources stand: who reads the
	// sources on from the marks misses nothing and meets nothing twice. When it returns nil they are on disk. Numbers are
	// never given twice. ErrNoSpace.
	Append(ctx context.Context, changes [][]byte, marks Marks) error
	// Changes yields the changes whose numbers come after the one given, in order.
	Changes(ctx context.Context, after uint64) iter.Seq2[Change, error]
	// Marks are those of the last Append.
	Marks(ctx context.Context) (Marks, error)
	// LastChange is the number that was given last; 0 when none was.
	LastChange() uint64

	// Clear removes everything but the numbers that were given.
	Clear(ctx context.Context) error
	// Close waits for nothing: no other method may be running.
	Close() error
}

// Record is one thing that has ended.
type Record struct {
	Scope store.Scope
	ID    string // unique in its scope
	Ended time.Time
	// Keys are what Find finds it by.
	Keys  []string
	Value []byte
}

// Change is one change of the journal.
type Change struct {
	Number uint64
	Value  []byte
}

// Marks say up to which revision the sources of changes have been read, by their names.
type Marks map[string]int64

// Keep are the bounds of a history.
type Keep struct {
	// Since: records that ended before go.
	Since time.Time
	// Records is how many records stay at most, and Surely from when on they stay though there are more.
	Records int
	Surely  time.Time
	// Changes is how many changes stay; those that Clear removed count.
	Changes int
}

var (
	// ErrNone means that there is no such record.
	ErrNone = errors.New("history: no such record")
	// ErrNoSpace means that the disk is too full to take more. Reading and trimming still work.
	ErrNoSpace = errors.New("the history takes nothing more")
)
