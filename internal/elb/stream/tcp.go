package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/proxyprotocol"
)

// handshakeTimeout bounds the TLS handshakes with clients and with targets.
const handshakeTimeout = 10 * time.Second

// acceptPause is how long nothing is accepted when the machine has no file left for it.
const acceptPause = 10 * time.Millisecond

// Serve takes connections that come in at an address of the load balancer, until Shutdown or until l is closed. It returns nil
// then, and closes l in any case.
func (n *Listener) Serve(l net.Listener, at balancer.Address) error {
	if err := n.enter(l); err != nil {
		return nil
	}
	defer n.leave(l)
	for {
		conn, err := l.Accept()
		var failed interface{ Temporary() bool }
		switch {
		case err == nil:
			go n.ServeConn(conn, at)
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.As(err, &failed) && failed.Temporary(): // no file left
			time.Sleep(acceptPause)
		default:
			return err
		}
	}
}

// ServeConn serves one connection that came in at an address of the load balancer and returns when it is over.
func (n *Listener) ServeConn(conn net.Conn, at balancer.Address) {
	if !n.config.Room.Enter(n) {
		reset(conn)
		return
	}
	defer n.config.Room.Exit()
	if !n.admit() {
		reset(conn)
		return
	}
	defer n.release()
	defer context.AfterFunc(n.life, func() { conn.Close() })()
	s := n.settings.Load()
	client := addrPort(conn.RemoteAddr())
	front, err := s.decrypt(n.life, conn)
	if err != nil {
		reset(conn)
		return
	}
	w, err := n.route(n.life, "tcp", s, client.Addr(), at)
	if err != nil {
		reset(conn)
		return
	}
	defer w.target.End()
	defer context.AfterFunc(w.target.Life(), func() { reset(w.conn); reset(conn) })()
	back, err := w.open(n.life, client, addrPort(conn.LocalAddr()))
	if err != nil {
		reset(w.conn)
		reset(conn)
		return
	}
	relay(front, back, s.idle)
}

// decrypt does the handshake with the client of a TLS listener.
func (s *settings) decrypt(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if s.tls == nil {
		return conn, nil
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	front := tls.Server(conn, s.tls)
	return front, front.HandshakeContext(ctx)
}

// open does what comes before the client's bytes: the header of the PROXY protocol, and the handshake with a target of a TLS
// group, whose certificate is not verified: AWS does not either.
func (w way) open(ctx context.Context, client, at netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if w.group.ProxyProtocol {
		if _, err := w.conn.Write(proxyprotocol.Header(true, client, at)); err != nil {
			return nil, err
		}
	}
	if w.group.Protocol != balancer.TLS {
		return w.conn, nil
	}
	back := tls.Client(w.conn, &tls.Config{InsecureSkipVerify: true})
	return back, back.HandshakeContext(ctx)
}

// reset closes a connection so that the other side takes it for broken, not for ended.
func reset(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(0)
	}
	conn.Close()
}

// addrPort is an address of a socket, without a value for others.
func addrPort(a net.Addr) netip.AddrPort {
	if a, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		at := a.AddrPort()
		return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	return netip.AddrPort{}
}
