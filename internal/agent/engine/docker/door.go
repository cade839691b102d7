package docker

import (
	"io"
	"net"
	"net/netip"
	"sync"
)

// door is a listener at an address of a load balancer.
type door struct {
	at    netip.AddrPort
	came  chan net.Conn
	ended chan struct{}
	once  sync.Once
	stop  func() error
	leave func()

	mu     sync.Mutex
	closed bool
}

func (d *door) end() { d.once.Do(func() { close(d.ended) }) }

func (d *door) Accept() (net.Conn, error) {
	select {
	case conn := <-d.came:
		return conn, nil
	case <-d.ended:
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.closed {
			return nil, net.ErrClosed
		}
		return nil, io.EOF
	}
}

func (d *door) Addr() net.Addr { return net.TCPAddrFromAddrPort(d.at) }

func (d *door) Close() error {
	d.mu.Lock()
	first := !d.closed
	d.closed = true
	d.mu.Unlock()
	if first {
		_ = d.stop() // fails when the session has ended
		d.leave()
	}
	d.end()
	return nil
}
