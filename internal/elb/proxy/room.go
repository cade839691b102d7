package proxy

import "sync/atomic"

// Room is how many connections of clients the proxies that share it have at once. Its zero value is without bound.
type Room struct {
	Most int64
	open atomic.Int64
}

// enter counts a connection, and tells whether there is room for it. exit undoes it in either case.
func (r *Room) enter() bool {
	return r == nil || r.open.Add(1) <= r.Most || r.Most == 0
}

func (r *Room) exit() {
	if r != nil {
		r.open.Add(-1)
	}
}

// evicted is how many connections are looked at for one that is idle.
const evicted = 64

// evict closes a connection that carries no request, if one is found soon, so that another can be served in its place.
func (p *Proxy) evict() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	looked := 0
	for s := range p.serving {
		if c, ok := s.(*client); ok && c.state.CompareAndSwap(idle, closed) {
			_ = c.socket.Close()
			return true
		}
		if looked++; looked == evicted {
			break
		}
	}
	return false
}
