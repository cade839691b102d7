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
	d := &door{listener: n, at: at, conn: datagrams(conn), flows: map[netip.AddrPort]*flow{}}
	d.here = addrPort(conn.LocalAddr())
	if err := n.enter(d); err != nil {
		return nil
	}
	defer n.leave(d)
	defer d.end()
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

// flow is that of a client's packets; a new one is begun when there is none. It is nil when there are too many. Only the door's
// own goroutine asks.
func (d *door) flow(client netip.AddrPort) *flow {
	d.mu.Lock()
	f := d.flows[client]
	d.mu.Unlock()
	if f != nil && f.life.Err() == nil {
		return f
	}
	n := d.listener
	if !n.config.Room.EnterFlow(n) {
		return nil
	}
	if !n.admit() {
		n.config.Room.ExitFlow()
		return nil
	}
	f = &flow{door: d, client: client, waiting: backlog{held: &n.held}, more: make(chan struct{}, 1)}
	f.life, f.end = context.WithCancel(n.life)
	d.mu.Lock()
	d.flows[client] = f
	d.mu.Unlock()
	go func() {
		defer n.config.Room.ExitFlow()
		defer n.release()
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

// end ends the flows: without the socket nobody can be answered.
func (d *door) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.flows {
		f.end()
	}
}

// Close has no further packets come.
func (d *door) Close() error { return d.conn.Close() }

// looked is how many flows are looked at for one that rests.
const looked = 64

// spare ends a flow that rests, if one is found soon.
func (d *door) spare() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := looked
	for _, f := range d.flows {
		if f.rested(restingUDP) && f.life.Err() == nil {
			f.end()
			return true
		}
		if left--; left == 0 {
			break
		}
	}
	return false
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
