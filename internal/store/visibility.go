package store

import (
	"context"
	"slices"
	"sync"
)

// visibility lets a writer wait until its own revision shows in the tables.
type visibility struct {
	mu      sync.Mutex
	applied int64
	failed  error
	waiting []waiter
}

type waiter struct {
	revision int64
	seen     chan struct{}
}

// wait returns when revision shows. Its error is that of the feed, or ErrInDoubt when ctx ends first.
func (v *visibility) wait(ctx context.Context, revision int64) error {
	v.mu.Lock()
	if v.failed != nil || v.applied >= revision {
		defer v.mu.Unlock()
		return v.failed
	}
	w := waiter{revision, make(chan struct{})}
	v.waiting = append(v.waiting, w)
	v.mu.Unlock()
	select {
	case <-w.seen:
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.failed
	case <-ctx.Done():
		return ErrInDoubt
	}
}

func (v *visibility) advance(revision int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.applied = revision
	v.waiting = slices.DeleteFunc(v.waiting, func(w waiter) bool {
		if w.revision > revision {
			return false
		}
		close(w.seen)
		return true
	})
}

func (v *visibility) fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failed = err
	for _, w := range v.waiting {
		close(w.seen)
	}
	v.waiting = nil
}
