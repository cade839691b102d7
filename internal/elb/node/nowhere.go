package node

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// Nowhere is the ground of an engine that only says that it runs tasks: addresses stand on nothing, and no target answers.
// Listeners are reached on this machine's loopback addresses alone.
type Nowhere struct{}

// Stand does nothing.
func (Nowhere) Stand(context.Context, string, balancer.Address) error { return nil }

// Leave does nothing.
func (Nowhere) Leave(context.Context, string, balancer.Address) error { return nil }

// Listen returns a listener to which nobody comes.
func (Nowhere) Listen(_ context.Context, _ string, at netip.AddrPort) (net.Listener, error) {
	return &unvisited{at: net.TCPAddrFromAddrPort(at), closed: make(chan struct{})}, nil
}

// ListenPacket returns a socket to which nothing comes: one of this machine's that nobody knows.
func (Nowhere) ListenPacket(ctx context.Context, _ string, _ netip.AddrPort) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(ctx, "udp4", "127.0.0.1:0")
}

// Dial is refused.
func (Nowhere) Dial(_ context.Context, network, _ string, _ netip.Addr, to netip.AddrPort) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(to), Err: syscall.ECONNREFUSED}
}

// DialInstance is refused.
func (Nowhere) DialInstance(_ context.Context, network, _ string, _ uint16) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
}

// Name does nothing.
func (Nowhere) Name(string, string, []netip.Addr) error { return nil }

// Forget does nothing.
func (Nowhere) Forget(string, string) error { return nil }

// unvisited is a listener to which nobody comes.
type unvisited struct {
	at     net.Addr
	closed chan struct{}
	once   sync.Once
}

func (u *unvisited) Accept() (net.Conn, error) {
	<-u.closed
	return nil, net.ErrClosed
}

func (u *unvisited) Addr() net.Addr { return u.at }

func (u *unvisited) Close() error {
	u.once.Do(func() { close(u.closed) })
	return nil
}
