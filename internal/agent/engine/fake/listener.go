package fake

import (
	"context"
	"net"
	"sync"
)

// backlog is a task's listening socket: it belongs to the machine, and connections wait in it while no agent accepts.
type backlog struct {
	addr  net.Addr
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func newBacklog(addr net.Addr) *backlog {
	return &backlog{addr: addr, conns: make(chan net.Conn, 128), ended: make(chan struct{})}
}

func (b *backlog) end() { b.once.Do(func() { close(b.ended) }) }

// Dial connects to a task's listener as its containers would. It waits in the backlog until an agent accepts.
func (m *Machine) Dial(ctx context.Context, taskID string) (net.Conn, error) {
	m.mu.Lock()
	t := m.tasks[taskID]
	m.mu.Unlock()
	if t == nil || t.listener == nil {
		return nil, &net.OpError{Op: "dial", Net: "fake", Err: net.ErrClosed}
	}
	here, there := net.Pipe()
	select {
	case t.listener.conns <- there:
		return here, nil
	case <-t.listener.ended:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// listener is one agent's hold of a backlog.
type listener struct {
	*backlog
	closed chan struct{}
	once   sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
	case <-l.ended:
	}
	return nil, net.ErrClosed
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return l.addr }
