package stream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/berth-dev/berth/internal/elb/proxyprotocol"
)

// maxWaiting is how many packets of a flow are kept while its target is picked and dialed; later ones are lost, as UDP's may be.
const maxWaiting = 16

// flow is the packets between one client's port and the target that was picked for it.
type flow struct {
	door    *door
	client  netip.AddrPort
	life    context.Context
	end     context.CancelFunc
	touched atomic.Int64 // when a packet passed last: nanoseconds since began

	mu      sync.Mutex
	waiting [][]byte // until there is conn
	conn    net.Conn
	header  []byte // of the PROXY protocol, before each packet
}

// send passes a packet on to the target.
func (f *flow) send(packet []byte) {
	f.touch()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.conn != nil:
		f.write(packet)
	case len(f.waiting) < maxWaiting:
		f.waiting = append(f.waiting, append([]byte(nil), packet...))
	}
}

// write sends to the target. A packet that it does not take is lost. Under mu.
func (f *flow) write(packet []byte) {
	if f.header != nil {
		packet = append(append(make([]byte, 0, len(f.header)+len(packet)), f.header...), packet...)
	}
	_, _ = f.conn.Write(packet)
}

// run picks the flow's target and passes on what that answers, until nothing has passed for too long or the target ends.
func (f *flow) run() {
	defer f.end()
	n := f.door.listener
	w, err := n.route(f.life, "udp", n.settings.Load(), f.client.Addr(), f.door.at())
	if err != nil {
		return
	}
	defer w.target.End()
	defer w.conn.Close()
	defer context.AfterFunc(f.life, func() { w.conn.Close() })()
	defer context.AfterFunc(w.target.Life(), f.end)()
	f.opened(w)
	for !f.idle() {
		_ = w.conn.SetReadDeadline(time.Now().Add(idleUDP / 4))
		err := receive(w.conn, func(packet []byte) {
			f.touch()
			_, _ = f.door.conn.WriteToUDPAddrPort(packet, f.client)
		})
		if f.life.Err() != nil || w.lost(err) {
			return
		}
	}
}

// lost is whether nothing more comes by a way that failed so. A port that is closed may be opened again, unless its target has
// left: then the next packet is another's.
func (w way) lost(err error) bool {
	var wait interface{ Timeout() bool }
	switch {
	case err == nil, errors.As(err, &wait) && wait.Timeout():
		return false
	case errors.As(err, new(syscall.Errno)) && !w.target.Left():
		time.Sleep(time.Millisecond)
		return false
	}
	return true
}

// opened sends what waited for the connection.
func (f *flow) opened(w way) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.group.ProxyProtocol {
		f.header = proxyprotocol.Header(false, f.client, f.door.here)
	}
	f.conn = w.conn
	for _, packet := range f.waiting {
		f.write(packet)
	}
	f.waiting = nil
}

func (f *flow) touch() { f.touched.Store(int64(time.Since(began))) }

func (f *flow) idle() bool { return time.Since(began)-time.Duration(f.touched.Load()) >= idleUDP }
