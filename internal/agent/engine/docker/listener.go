package docker

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
)

// acceptor hands the connections that come out of a task's namespaces to whoever listens. While nobody does, they stay
// where they are.
type acceptor struct {
	offers chan carrier.Offer
	ended  chan struct{}
	once   sync.Once

	mu      sync.Mutex // guards what follows
	open    *listener
	changed chan struct{}
}

func newAcceptor() *acceptor {
	return &acceptor{offers: make(chan carrier.Offer), ended: make(chan struct{}), changed: make(chan struct{})}
}

func (a *acceptor) close() { a.once.Do(func() { close(a.ended) }) }

// offer waits until the connection is accepted, or nobody listens.
func (a *acceptor) offer(o carrier.Offer) {
	a.mu.Lock()
	l := a.open
	a.mu.Unlock()
	if l == nil {
		o.Leave()
		return
	}
	select {
	case a.offers <- o:
	case <-l.closed:
		o.Leave()
	case <-a.ended:
		o.Leave()
	}
}

// await returns once somebody listens; false: nobody will.
func (a *acceptor) await(ctx context.Context) bool { return a.until(ctx, true) }

// idle returns once nobody listens any more.
func (a *acceptor) idle(ctx context.Context) { a.until(ctx, false) }

func (a *acceptor) until(ctx context.Context, open bool) bool {
	for {
		a.mu.Lock()
		is, changed := a.open != nil, a.changed
		a.mu.Unlock()
		if is == open {
			return true
		}
		select {
		case <-changed:
		case <-a.ended:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (a *acceptor) set(l *listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open = l
	close(a.changed)
	a.changed = make(chan struct{})
}

// listener is a net.Listener in a task's namespaces.
type listener struct {
	*acceptor
	address net.Addr
	closed  chan struct{}
	closing sync.Once
}

// Listener returns the task's metadata listener. The pause containers hold the sockets.
func (e *Engine) Listener(ctx context.Context, id string) (net.Listener, error) {
	t, err := e.known(id)
	if err != nil {
		return nil, err
	}
	listen := t.record.Spec.Listen
	if listen == "" {
		return nil, fmt.Errorf("task %s has no listener: %w", id, engine.ErrNotFound)
	}
	l := &listener{acceptor: t.accept, closed: make(chan struct{})}
	t.accept.set(l)
	address, err := netip.ParseAddrPort(listen)
	if err == nil && address.Port() == 0 {
		address, err = t.freePort(ctx)
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("take the listener of task %s: %w", id, err)
	}
	l.address = net.TCPAddrFromAddrPort(address)
	return l, nil
}

// freePort is the address that the task's pause container took.
func (t *task) freePort(ctx context.Context) (netip.AddrPort, error) {
	t.mu.Lock()
	l := t.lines[""]
	t.mu.Unlock()
	if l == nil {
		return netip.AddrPort{}, fmt.Errorf("what keeps the namespaces of task %s does not run: %w", t.id, engine.ErrNotFound)
	}
	bounded, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	for {
		l.mu.Lock()
		address, changed := l.address, l.changed
		l.mu.Unlock()
		if address != "" {
			return netip.ParseAddrPort(address)
		}
		select {
		case <-changed:
		case <-l.life.Done():
			return netip.AddrPort{}, engine.ErrNotFound
		case <-bounded.Done():
			if ctx.Err() != nil {
				return netip.AddrPort{}, ctx.Err()
			}
			return netip.AddrPort{}, fmt.Errorf("docker does not attach: %w", engine.ErrUnavailable)
		}
	}
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		select {
		case o := <-l.offers:
			if conn, err := o.Take(); err == nil {
				return conn, nil
			}
		case <-l.closed:
			return nil, net.ErrClosed
		case <-l.ended:
			return nil, net.ErrClosed
		}
	}
}

func (l *listener) Addr() net.Addr { return l.address }

// Close leaves the sockets to the next listener.
func (l *listener) Close() error {
	l.closing.Do(func() {
		close(l.closed)
		l.mu.Lock()
		current := l.open == l
		l.mu.Unlock()
		if current {
			l.set(nil)
		}
	})
	return nil
}
