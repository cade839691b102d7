package stream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// maxPacket is the most that a UDP packet carries, and a header of the PROXY protocol before it.
const maxPacket = 64 << 10

// packets is what a UDP socket does without making garbage.
type packets interface {
	net.PacketConn
	ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort([]byte, netip.AddrPort) (int, error)
}

// ServePacket takes UDP packets that come in at an address of the load balancer, until Shutdown or until conn is closed. It
// returns nil then, and closes conn in any case. Packets of one client's port are a flow: they go to one target, until none has
// passed for two minutes. at is asked once a flow.
func (n *Listener) ServePacket(conn net.PacketConn, at func() balancer.Address) error {
	if err := n.enter(conn); err != nil {
		return nil
	}
	defer n.leave(conn)
	d := &door{listener: n, at: at, conn: datagrams(conn), flows: map[netip.AddrPort]*flow{}}
	d.here = addrPort(conn.LocalAddr())
	defer d.close()
	buffer := make([]byte, maxPacket)
	for {
		size, client, err := d.conn.ReadFromUDPAddrPort(buffer)
		switch {
		case err == nil:
			if f := d.flow(client); f != nil {
				f.send(buffer[:size])
			}
		case errors.Is(err, net.ErrClosed):
			return nil
		default: // of a packet that was sent before: the client's port is closed
			time.Sleep(time.Millisecond)
		}
	}
}

// door is one address at which UDP packets come in, with the flows that did.
type door struct {
	listener *Listener
	at       func() balancer.Address
	here     netip.AddrPort
	conn     packets

	mu    sync.Mutex
	flows map[netip.AddrPort]*flow
}

// flow is that of a client's packets; a new one is begun when there is none. It is nil when there are too many.
func (d *door) flow(client netip.AddrPort) *flow {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.flows[client]; f != nil && f.life.Err() == nil {
		return f
	}
	if !d.listener.admit() {
		return nil
	}
	f := &flow{door: d, client: client}
	f.life, f.end = context.WithCancel(d.listener.life)
	d.flows[client] = f
	go func() {
		defer d.listener.release()
		defer d.forget(f)
		f.run()
	}()
	return f
}

func (d *door) forget(f *flow) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.flows[f.client] == f {
		delete(d.flows, f.client)
	}
}

// close ends the flows: without the socket nobody can be answered.
func (d *door) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.flows {
		f.end()
	}
}

// datagrams makes any socket of packets have the methods of UDP's.
func datagrams(conn net.PacketConn) packets {
	if p, ok := conn.(packets); ok {
		return p
	}
	return boxed{conn}
}

type boxed struct{ net.PacketConn }

func (b boxed) ReadFromUDPAddrPort(p []byte) (int, netip.AddrPort, error) {
	n, from, err := b.ReadFrom(p)
	if err != nil {
		return n, netip.AddrPort{}, err
	}
	return n, addrPort(from), nil
}

func (b boxed) WriteToUDPAddrPort(p []byte, to netip.AddrPort) (int, error) {
	return b.WriteTo(p, net.UDPAddrFromAddrPort(to))
}
