package carrier

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// A load balancer that stands in a namespace uses these streams beside the others. All but the first are opened by the Inlet,
// begin with the addresses in question, and are answered with an error, which is empty when it could be.
const (
	streamVisit  = 'v' // a connection to an address that the Inlet listens on: that address, the client's, then what is carried
	streamStand  = 'a' // as long as it is open, the namespace has an address
	streamBind   = 'b' // as long as it is open, connections to an address and port are taken
	streamFrom   = 'f' // a connection from an address to another, by TCP
	streamSender = 's' // a socket from an address to another, by UDP: datagrams, each behind its length
	streamPacket = 'p' // a socket on an address, by UDP: datagrams, each behind its peer's address and its length
)

// Visit is a connection that came to an address that the Inlet listens on.
type Visit struct {
	net.Conn
	At   netip.AddrPort // that address
	From netip.AddrPort
}

// LocalAddr is the address that the client connected to.
func (v Visit) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(v.At) }

// RemoteAddr is the client's.
func (v Visit) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(v.From) }

// CloseWrite ends what the client reads.
func (v Visit) CloseWrite() error { return v.Conn.(conn).CloseWrite() }

// visit takes over a stream that brings a connection.
func visit(stream *yamux.Stream) (Visit, error) {
	var ends [2]netip.AddrPort
	for i := range ends {
		text, err := readText(stream)
		if err == nil {
			ends[i], err = netip.ParseAddrPort(string(text))
		}
		if err != nil {
			return Visit{}, err
		}
	}
	return Visit{conn{stream}, ends[0], ends[1]}, nil
}

// Stand gives the namespace an address until leave is called or the session ends.
func (i *Inlet) Stand(ctx context.Context, at netip.Addr) (leave func() error, err error) {
	stream, err := i.begin(ctx, streamStand, at.String())
	if err != nil {
		return nil, err
	}
	return conn{stream}.Close, nil
}

// Bind has connections to an address taken until stop is called or the session ends. Handler.Visit gets them.
func (i *Inlet) Bind(ctx context.Context, at netip.AddrPort) (stop func() error, err error) {
	stream, err := i.begin(ctx, streamBind, at.String())
	if err != nil {
		return nil, err
	}
	return conn{stream}.Close, nil
}

// DialFrom connects from one address of the namespace to another, by "tcp" or "udp".
func (i *Inlet) DialFrom(ctx context.Context, network string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	kind := byte(streamFrom)
	if network == "udp" {
		kind = streamSender
	}
	stream, err := i.begin(ctx, kind, from.String(), to.String())
	if err != nil {
		return nil, err
	}
	dialed := Visit{conn{stream}, netip.AddrPortFrom(from, 0), to}
	if network == "udp" {
		return sender{dialed}, nil
	}
	return dialed, nil
}

// Packets opens a UDP socket on an address of the namespace.
func (i *Inlet) Packets(ctx context.Context, at netip.AddrPort) (net.PacketConn, error) {
	stream, err := i.begin(ctx, streamPacket, at.String())
	if err != nil {
		return nil, err
	}
	return &packets{stream: stream, at: at}, nil
}

// sender is a UDP socket that is connected.
type sender struct{ Visit }

func (s sender) Write(p []byte) (int, error) {
	if err := writeText(s.Visit, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s sender) Read(p []byte) (int, error) {
	text, err := readText(s.Visit)
	return copy(p, text), err
}

// packets is a UDP socket that is not. Its reader and writers each take turns.
type packets struct {
	stream  *yamux.Stream
	at      netip.AddrPort
	writing sync.Mutex
}

func (p *packets) ReadFrom(b []byte) (int, net.Addr, error) {
	from, err := readText(p.stream)
	if err != nil {
		return 0, nil, net.ErrClosed
	}
	payload, err := readText(p.stream)
	if err != nil {
		return 0, nil, net.ErrClosed
	}
	addr, err := netip.ParseAddrPort(string(from))
	return copy(b, payload), net.UDPAddrFromAddrPort(addr), err
}

func (p *packets) WriteTo(b []byte, to net.Addr) (int, error) {
	p.writing.Lock()
	defer p.writing.Unlock()
	if err := errors.Join(writeText(p.stream, []byte(to.String())), writeText(p.stream, b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (p *packets) Close() error                       { return conn{p.stream}.Close() }
func (p *packets) LocalAddr() net.Addr                { return net.UDPAddrFromAddrPort(p.at) }
func (p *packets) SetDeadline(t time.Time) error      { return p.stream.SetDeadline(t) }
func (p *packets) SetReadDeadline(t time.Time) error  { return p.stream.SetReadDeadline(t) }
func (p *packets) SetWriteDeadline(t time.Time) error { return p.stream.SetWriteDeadline(t) }

// balance does what a load balancer asks for; false: the stream is for something else.
func (o *Outlet) balance(session *yamux.Session, stream *yamux.Stream, what byte) bool {
	do, wants := map[byte]func(*yamux.Session, *yamux.Stream, []string) error{
		streamStand: o.stand, streamBind: o.bind, streamFrom: dialFrom, streamSender: send, streamPacket: carryPackets,
		streamGuide: o.guide,
	}[what]
	if !wants {
		return false
	}
	defer conn{stream}.Close()
	var about []string
	for range map[byte]int{streamStand: 1, streamBind: 1, streamFrom: 2, streamSender: 2, streamPacket: 1, streamGuide: 1}[what] {
		text, err := readText(stream)
		if err != nil {
			return true
		}
		about = append(about, string(text))
	}
	if err := do(session, stream, about); err != nil {
		_ = writeText(stream, []byte(err.Error()))
	}
	return true
}

// stand gives the namespace an address.
func (o *Outlet) stand(_ *yamux.Session, stream *yamux.Stream, about []string) error {
	at, err := netip.ParseAddr(about[0])
	if err != nil {
		return err
	}
	if o.Address == nil {
		return errors.New("this namespace takes no further addresses")
	}
	if err := o.take(at, stream); err != nil {
		return err
	}
	defer o.give(at, stream)
	if writeText(stream, nil) == nil {
		_, _ = io.Copy(io.Discard, stream) // until the agent leaves
	}
	return nil
}

// take gives the namespace an address for a stream, whoever had it before: an earlier agent's may not have ended yet.
func (o *Outlet) take(at netip.Addr, stream *yamux.Stream) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.Address(at, true); err != nil {
		return err
	}
	if o.stands == nil {
		o.stands = map[netip.Addr]*yamux.Stream{}
	}
	o.stands[at] = stream
	return nil
}

// give takes it away, unless another stream has it by now.
func (o *Outlet) give(at netip.Addr, stream *yamux.Stream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stands[at] == stream {
		delete(o.stands, at)
		_ = o.Address(at, false) // it is gone with the namespace, if not now
	}
}

// bind takes connections and brings them to the agent.
func (o *Outlet) bind(session *yamux.Session, stream *yamux.Stream, about []string) error {
	l, err := net.Listen("tcp", about[0])
	if err != nil {
		return err
	}
	defer l.Close()
	if writeText(stream, nil) != nil {
		return nil
	}
	go func() {
		for {
			came, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				time.Sleep(10 * time.Millisecond) // out of files: some will be closed
				continue
			}
			go bring(session, came)
		}
	}()
	_, _ = io.Copy(io.Discard, stream) // until the agent listens no more
	return nil
}

func bring(session *yamux.Session, came net.Conn) {
	stream, err := session.OpenStream()
	if err != nil {
		came.Close()
		return
	}
	_, err = stream.Write([]byte{streamVisit})
	for _, end := range []net.Addr{came.LocalAddr(), came.RemoteAddr()} {
		if err == nil {
			err = writeText(stream, []byte(end.String()))
		}
	}
	if err != nil {
		came.Close()
		stream.Close()
		return
	}
	splice(came, stream)
}

// dialed connects from an address to another.
func dialed(network string, about []string) (net.Conn, error) {
	from, err := netip.ParseAddr(about[0])
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialTime, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	if network == "udp" {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	return d.Dial(network, about[1])
}

func dialFrom(_ *yamux.Session, stream *yamux.Stream, about []string) error {
	to, err := dialed("tcp", about)
	if err != nil {
		return err
	}
	if writeText(stream, nil) != nil {
		to.Close()
		return nil
	}
	splice(to, stream)
	return nil
}

// send carries datagrams of a connected socket.
func send(_ *yamux.Session, stream *yamux.Stream, about []string) error {
	to, err := dialed("udp", about)
	if err != nil {
		return err
	}
	defer to.Close()
	if writeText(stream, nil) != nil {
		return nil
	}
	go func() {
		buf := make([]byte, maxText)
		for {
			n, err := to.Read(buf)
			if errors.Is(err, net.ErrClosed) || err == nil && writeText(stream, buf[:n]) != nil {
				return
			}
		}
	}()
	for {
		datagram, err := readText(stream)
		if err != nil {
			return nil
		}
		_, _ = to.Write(datagram) // it may be lost, as datagrams are
	}
}

// carryPackets carries datagrams of a socket that is not connected.
func carryPackets(_ *yamux.Session, stream *yamux.Stream, about []string) error {
	socket, err := net.ListenPacket("udp", about[0])
	if err != nil {
		return err
	}
	defer socket.Close()
	if writeText(stream, nil) != nil {
		return nil
	}
	go func() {
		buf := make([]byte, maxText)
		for {
			n, from, err := socket.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil && errors.Join(writeText(stream, []byte(from.String())), writeText(stream, buf[:n])) != nil {
				return
			}
		}
	}()
	for {
		to, err := readText(stream)
		if err != nil {
			return nil
		}
		datagram, err := readText(stream)
		if err != nil {
			return nil
		}
		if at, err := netip.ParseAddrPort(string(to)); err == nil {
			_, _ = socket.WriteTo(datagram, net.UDPAddrFromAddrPort(at))
		}
	}
}
