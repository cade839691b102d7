package ecs

import "sync"

// bell wakes all who wait for something to have happened.
type bell struct {
	mu   sync.Mutex
	next chan struct{}
}

// rung returns what is closed at the next ring. Look at what it is about after this call, not before.
func (b *bell) rung() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}
