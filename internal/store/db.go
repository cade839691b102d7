package store

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
)

// Config sets up a DB.
type Config struct {
	// Logger gets what nobody is there to be told: resyncs, values that can't be read. Nil discards.
	Logger *slog.Logger
	// CheckValues makes the store panic when a value was changed after the store had it. For tests: it encodes every value twice.
	CheckValues bool
}

// DB is a database of typed tables. Declare the tables with [NewTable], then call Start, once.
type DB struct {
	backend Backend
	config  Config
	log     *slog.Logger

	mu      sync.RWMutex // guards the rows of all tables, and what follows
	tables  map[string]*table
	leaders map[string]*Leader
	started bool
	applied int64 // the revision that the rows show
	failed  error // why the feed ended

	clearing sync.RWMutex // held for reading by transactions, for writing by Clear; taken before all others

	seen   visibility
	queue  queue
	turns  [64]chan struct{}
	tokens *Table[token]
	leases *Table[lease]

	ctx    context.Context // ends when the DB closes
	cancel context.CancelFunc
	work   sync.WaitGroup // every goroutine of this DB
}

// New makes a DB over a backend, which it closes when it is closed.
func New(backend Backend, config Config) *DB {
	db := &DB{backend: backend, config: config, log: config.Logger, tables: map[string]*table{}, leaders: map[string]*Leader{}}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	for i := range db.turns {
		db.turns[i] = make(chan struct{}, 1)
	}
	db.ctx, db.cancel = context.WithCancel(context.Background())
	db.tokens = NewTable[token](db, "store", "token")
	db.leases = NewTable[lease](db, "store", "leader")
	return db
}

// Start loads every row and begins to follow changes. An error names the key whose value can't be read, when that is why.
func (db *DB) Start(ctx context.Context) error {
	db.mu.Lock()
	if db.started {
		db.mu.Unlock()
		return fmt.Errorf("the store was started twice")
	}
	db.started = true
	db.mu.Unlock()

	if err := db.load(ctx); err != nil {
		return fmt.Errorf("load the state: %w", err)
	}
	db.work.Go(db.follow)
	db.work.Go(db.sweep)
	return nil
}

// Close waits for what is under way, ends every watch and closes the backend. Changes that were answered are durable already.
func (db *DB) Close() error {
	db.queue.close(ErrClosed)
	db.queue.sending.Wait()
	db.mu.Lock()
	db.cancel()
	db.mu.Unlock()
	db.work.Wait()
	db.checkAll()
	return db.backend.Close()
}

// Health says how the store is. Err is set when it can't serve any longer.
func (db *DB) Health(ctx context.Context) Health {
	h := db.backend.Health(ctx)
	db.mu.RLock()
	defer db.mu.RUnlock()
	h.Applied = db.applied
	if h.Err == nil {
		h.Err = db.failed
	}
	return h
}

// Compact forgets the history of all revisions before the present one. Backends do it by themselves; tests force it.
func (db *DB) Compact(ctx context.Context) error {
	db.mu.RLock()
	revision := db.applied
	db.mu.RUnlock()
	return db.backend.Compact(ctx, revision)
}
