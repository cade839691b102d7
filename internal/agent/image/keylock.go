package image

import (
	"context"
	"sync"
)

// keyLock is a set of locks by key. Pulls that share a layer fetch and unpack it once.
type keyLock struct {
	mu    sync.Mutex
	locks map[string]*keyLocked
}

type keyLocked struct {
	held  chan struct{} // full while locked
	users int
}

func newKeyLock() *keyLock { return &keyLock{locks: map[string]*keyLocked{}} }

// Lock waits until the key is free or ctx ends.
func (k *keyLock) Lock(ctx context.Context, key string) error {
	k.mu.Lock()
	l := k.locks[key]
	if l == nil {
		l = &keyLocked{held: make(chan struct{}, 1)}
		k.locks[key] = l
	}
	l.users++
	k.mu.Unlock()

	select {
	case l.held <- struct{}{}:
		return nil
	case <-ctx.Done():
		k.leave(key, l)
		return ctx.Err()
	}
}

// Unlock frees a key that Lock locked.
func (k *keyLock) Unlock(key string) {
	k.mu.Lock()
	l := k.locks[key]
	k.mu.Unlock()
	<-l.held
	k.leave(key, l)
}

func (k *keyLock) leave(key string, l *keyLocked) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(k.locks, key)
	}
}
