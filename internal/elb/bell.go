package elb

import "sync"

// bell wakes all who wait for it. The zero bell is ready.
type bell struct {
	mu   sync.Mutex
	rung chan struct{}
}

// wait returns what is closed when the bell is rung next.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}
