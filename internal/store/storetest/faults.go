package storetest

import (
	"context"
	"errors"
	"sync"

	"github.com/berth-dev/berth/internal/store"
)

// shared is a backend that several DBs use: the first to close it doesn't take it from the others.
type shared struct{ store.Backend }

func (shared) Close() error { return nil }

// gate is a backend whose feed and commits can be held up, and which remembers what was committed through it.
type gate struct {
	store.Backend
	feed, commits valve

	mu      sync.Mutex
	batches []store.Batch
}

var errBroken = errors.New("broken by the test")

func (g *gate) Watch(ctx context.Context, from int64, deliver func([]store.Change) error) error {
	if err := g.feed.pass(ctx); err != nil {
		return err
	}
	return g.Backend.Watch(ctx, from, func(changes []store.Change) error {
		if g.feed.held() {
			return errBroken // the DB takes it up by another Watch, which waits
		}
		return deliver(changes)
	})
}

func (g *gate) Commit(ctx context.Context, batch store.Batch) (store.Outcome, error) {
	if err := g.commits.pass(ctx); err != nil {
		return store.Outcome{}, err
	}
	out, err := g.Backend.Commit(ctx, batch)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.batches = append(g.batches, batch)
	return out, err
}

func (g *gate) committed() []store.Batch {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.batches
}

// valve lets everything pass until it is held. The zero value is open.
type valve struct {
	mu   sync.Mutex
	shut chan struct{} // closed when it opens; nil when it is open
}

func (v *valve) hold() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shut = make(chan struct{})
}

func (v *valve) open() {
	v.mu.Lock()
	defer v.mu.Unlock()
	close(v.shut)
	v.shut = nil
}

func (v *valve) held() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.shut != nil
}

func (v *valve) pass(ctx context.Context) error {
	v.mu.Lock()
	shut := v.shut
	v.mu.Unlock()
	if shut == nil {
		return nil
	}
	select {
	case <-shut:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
