package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

// lease is the row that says who leads. Its revision is the fencing token.
type lease struct {
	Holder string    `json:"holder"`
	Since  time.Time `json:"since"`
}

// Leader is the right to act for all servers in one matter. Its transactions compare the revision of the leader's row, so that
// none of them commits once another leads, however late it comes.
type Leader struct {
	db      *DB
	guard   Compare
	deposed chan struct{}
}

// Lead takes the lead in the matter called name, in place of whoever has it. The caller knows that it may: a single server does, when it
// holds the lock of its data directory, for then its predecessor is dead. Nothing waits for a time to run out.
func (db *DB) Lead(ctx context.Context, name string) (*Leader, error) {
	holder := rand.Text()
	err := db.Update(ctx, func(tx *Tx) error {
		return db.leases.Put(tx, Scope{}, name, &lease{Holder: holder, Since: time.Now()})
	})
	if err != nil {
		return nil, fmt.Errorf("take the lead in %s: %w", name, err)
	}
	key := prefixOf(Scope{}, db.leases.name) + name
	leader := &Leader{db: db, deposed: make(chan struct{})}
	db.mu.Lock()
	defer db.mu.Unlock()
	r := db.leases.get(key)
	if r == nil || r.value.(*lease).Holder != holder {
		close(leader.deposed)
		return nil, fmt.Errorf("take the lead in %s: %w", name, ErrFenced)
	}
	leader.guard = Compare{Key: key, Revision: r.revision}
	db.leaders[key] = leader
	return leader, nil
}

// Update is the DB's Update, and fails with ErrFenced, having changed nothing, when another leads by now.
func (l *Leader) Update(ctx context.Context, fn func(*Tx) error) error {
	l.db.clearing.RLock()
	defer l.db.clearing.RUnlock()
	return l.db.update(ctx, &l.guard, fn)
}

// Deposed is closed when another has taken the lead.
func (l *Leader) Deposed() <-chan struct{} { return l.deposed }

// depose tells this DB's leader of a matter that its row has changed. The DB's lock is held.
func (db *DB) depose(e edit) {
	if l := db.leaders[e.key]; l != nil && l.guard.Revision != e.revision {
		close(l.deposed)
		delete(db.leaders, e.key)
	}
}
