package ecs

import (
	"context"
	"sync"
)

// turns has those who come with the same key go one after the other. The zero value is ready.
type turns[K comparable] struct {
	mu   sync.Mutex
	busy map[K]chan struct{} // closed when the turn ends
}

// take waits for the key's turn, which ends when leave is called. It fails when ctx ends before.
func (t *turns[K]) take(ctx context.Context, key K) (leave func(), err error) {
	for {
		t.mu.Lock()
		before := t.busy[key]
		if before == nil {
			break
		}
		t.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	defer t.mu.Unlock()
	if t.busy == nil {
		t.busy = map[K]chan struct{}{}
	}
	mine := make(chan struct{})
	t.busy[key] = mine
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.busy, key)
		close(mine)
	}, nil
}
