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

// sendTime is for how long a connection may take nothing before its flow ends. Those of UDP sockets don't wait: others, which
// go through another process, may be stuck.
const sendTime = 5 * time.Second

// restingUDP is for how long nothing has passed by a flow that makes room for others.
const restingUDP = 10 * time.Second

// flow is the packets between one client's port and the target that was picked for it.
type flow struct {
	door    *door
	client  netip.AddrPort
	life    context.Context
	end     context.CancelFunc
	pumping sync.WaitGroup
	touched atomic.Int64 // when a packet passed last: nanoseconds since began

	mu      sync.Mutex
	waiting backlog
	more    chan struct{} // filled when something waits
	socket  *net.UDPConn  // the target's, if packets go to it at once
	header  []byte        // of the PROXY protocol, before each packet
}

// send passes a packet on to the target. It never waits for that.
func (f *flow) send(packet []byte) {
	f.touch()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.socket != nil {
		_, _ = f.socket.Write(f.headed(packet)) // what it does not take is lost
		return
	}
	f.waiting.add(packet)
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// headed is a packet as the target gets it.
func (f *flow) headed(packet []byte) []byte {
	if f.header == nil {
		return packet
	}
	return append(append(make([]byte, 0, len(f.header)+len(packet)), f.header...), packet...)
}

// pump sends what waits by a connection that may make its writers wait, until the flow ends. A write that fails may have sent
// a part, so that the flow ends too.
func (f *flow) pump(to net.Conn) {
	defer f.end()
	for {
		f.mu.Lock()
		packet, any := f.waiting.take()
		f.mu.Unlock()
		if any {
			_ = to.SetWriteDeadline(time.Now().Add(sendTime))
			if _, err := to.Write(f.headed(packet)); err != nil {
				return
			}
			continue
		}
		select {
		case <-f.more:
		case <-f.life.Done():
			return
		}
	}
}

// run picks the flow's target and passes on what that answers, until nothing has passed for too long or the target ends.
func (f *flow) run() {
	defer f.close()
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

// opened sends what waited for the connection, and has what comes be sent.
func (f *flow) opened(w way) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.group.ProxyProtocol {
		f.header = proxyprotocol.Header(false, f.client, f.door.here)
	}
	socket, ok := w.conn.(*net.UDPConn)
	if !ok {
		f.pumping.Go(func() { f.pump(w.conn) })
		return
	}
	for packet, any := f.waiting.take(); any; packet, any = f.waiting.take() {
		_, _ = socket.Write(f.headed(packet))
	}
	f.socket = socket
}

// close ends what the flow has begun.
func (f *flow) close() {
	f.end()
	f.pumping.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting.drop()
	f.waiting.held = new(atomic.Int64) // what comes too late is nobody's
}

func (f *flow) touch() { f.touched.Store(int64(time.Since(began))) }

func (f *flow) idle() bool { return f.rested(idleUDP) }

// rested is whether nothing has passed for so long.
func (f *flow) rested(d time.Duration) bool {
	return time.Since(began)-time.Duration(f.touched.Load()) >= d
}
