package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// listening is one listener of a load balancer with its sockets: at each address where the load balancer stands, and on this
// machine's loopback addresses.
type listening struct {
	server   Server
	settings atomic.Pointer[settings]
	port     uint16
	protocol string

	sockets   map[netip.Addr]*sockets
	serving   sync.WaitGroup
	published balancer.Published
	host      uint16 // the port of this machine
	withdraw  func() // nil: it is not published
}

type settings struct {
	balancer *balancer.Balancer
	listener *balancer.Listener
}

// sockets are what a listener has at one address.
type sockets struct {
	listener net.Listener   // nil for UDP
	packets  net.PacketConn // nil but for UDP and TCP_UDP
	left     atomic.Bool    // it was closed here
	lost     atomic.Bool    // it has ended by itself: the ground has gone from under it
}

func (s *sockets) close() {
	s.left.Store(true)
	if s.listener != nil {
		s.listener.Close()
	}
	if s.packets != nil {
		s.packets.Close()
	}
}

func ofTCP(protocol string) bool { return protocol != balancer.UDP }

func ofUDP(protocol string) bool { return protocol == balancer.UDP || protocol == balancer.TCPUDP }

func ofHTTP(protocol string) bool { return protocol == balancer.HTTP || protocol == balancer.HTTPS }

// like tells whether the listener can become what is wanted by other settings alone.
func (g *listening) like(wanted *balancer.Listener) bool {
	return g.port == wanted.Port && g.protocol == wanted.Protocol
}

func (g *listening) update(b *balancer.Balancer, l *balancer.Listener) error {
	g.settings.Store(&settings{b, l})
	return g.server.Update(b, l)
}

// listen makes a listener listen everywhere.
func (l *life) listen(ctx context.Context, b *balancer.Balancer, wanted *balancer.Listener) error {
	g := l.listening[wanted.ARN]
	if g == nil {
		server, err := l.node.config.Serve(b, wanted, l.node, l.publishedAt)
		if err != nil {
			return err
		}
		g = &listening{server: server, port: wanted.Port, protocol: wanted.Protocol, sockets: map[netip.Addr]*sockets{}}
		g.settings.Store(&settings{b, wanted})
		l.listening[wanted.ARN] = g
	}
	var errs []error
	for _, at := range *l.at.Load() {
		if has := g.sockets[at.IP]; has != nil && !has.lost.Load() {
			continue
		}
		g.leave(at.IP)
		if err := l.listenAt(ctx, g, b.VPC, at); err != nil {
			errs = append(errs, fmt.Errorf("listen at %s:%d: %w", at.IP, g.port, err))
		}
	}
	if g.withdraw == nil && len(l.node.config.Loopback) > 0 {
		if err := l.publish(b, wanted, g); err != nil {
			told := g.published.Err == err.Error()
			g.published, l.hidden = balancer.Published{Listener: wanted.ARN, Err: err.Error()}, true
			if told {
				return errors.Join(errs...)
			}
			l.node.log.Warn("a listener is not published on this machine", "listener", wanted.ARN, "error", err)
		}
	}
	return errors.Join(errs...)
}

// listenAt listens at one address where the load balancer stands.
func (l *life) listenAt(ctx context.Context, g *listening, vpc string, at balancer.Address) error {
	s := &sockets{}
	err := step(ctx, func(ctx context.Context) (err error) {
		ground := l.node.config.Ground
		if ofTCP(g.protocol) {
			if s.listener, err = ground.Listen(ctx, vpc, netip.AddrPortFrom(at.IP, g.port)); err != nil {
				return err
			}
		}
		if ofUDP(g.protocol) {
			s.packets, err = ground.ListenPacket(ctx, vpc, netip.AddrPortFrom(at.IP, g.port))
		}
		return err
	})
	if err != nil {
		s.close()
		return err
	}
	g.sockets[at.IP] = s
	serve := func(serve func() error) {
		g.serving.Go(func() {
			if err := serve(); !s.left.Load() {
				s.lost.Store(true)
				l.node.log.Info("a load balancer has lost its address and takes it again", "balancer", l.arn, "address", at.IP, "error", err)
				l.wake()
			}
		})
	}
	if s.listener != nil {
		serve(func() error { return g.server.Serve(s.listener, at) })
	}
	if s.packets != nil {
		serve(func() error { return g.server.ServePacket(s.packets, func() balancer.Address { return at }) })
	}
	return nil
}

// leave closes what the listener has at an address.
func (g *listening) leave(ip netip.Addr) {
	if s := g.sockets[ip]; s != nil {
		s.close()
		delete(g.sockets, ip)
	}
}

// publish has the listener answer on this machine's loopback addresses.
func (l *life) publish(b *balancer.Balancer, wanted *balancer.Listener, g *listening) error {
	if ofHTTP(g.protocol) {
		encrypted := g.protocol == balancer.HTTPS
		has := &guest{
			answers: func(host string) int { s := g.settings.Load(); return answers(s.balancer, s.listener, host) },
			serve:   func(conn net.Conn) { l.serve(g, conn) },
		}
		leave, err := l.node.fronts.share(encrypted, g.port, has, func(port uint16) string {
			g.host = port
			return urlOf(b, g.protocol, port)
		})
		if err != nil {
			return err
		}
		g.withdraw, g.published = leave, balancer.Published{Listener: wanted.ARN, URL: has.url}
		return nil
	}
	port, listeners, packets, err := l.node.fronts.own(wanted.ARN, g.port, ofTCP(g.protocol), ofUDP(g.protocol))
	if err != nil {
		return err
	}
	for _, listener := range listeners {
		g.serving.Go(func() { acceptEach(listener, func(conn net.Conn) { l.serve(g, conn) }) })
	}
	for _, packet := range packets {
		g.serving.Go(func() { l.servePacket(g, packet) })
	}
	g.withdraw = func() {
		closeAll(listeners)
		closeAll(packets)
		l.node.fronts.disown(wanted.ARN)
	}
	g.host, g.published = port, balancer.Published{Listener: wanted.ARN, URL: urlOf(b, g.protocol, port)}
	return nil
}

// serve serves a connection that came by the host as if it had come to one of the load balancer's addresses, in turn.
func (l *life) serve(g *listening, conn net.Conn) {
	at := l.turn()
	if !at.IP.IsValid() {
		conn.Close()
		return
	}
	g.server.ServeConn(conn, at)
}

// servePacket serves a socket of the host likewise: each client's port takes a turn.
func (l *life) servePacket(g *listening, conn net.PacketConn) {
	_ = g.server.ServePacket(conn, l.turn) // ends with the socket
}

// turn is the next of the load balancer's addresses; none while it stands nowhere.
func (l *life) turn() (none balancer.Address) {
	at := *l.at.Load()
	if len(at) == 0 {
		return none
	}
	return at[int(l.turns.Add(1)%uint32(len(at)))]
}

// drop ends a listener: nothing new is taken, and what is under way may go on for a while, beside everything else.
func (l *life) drop(arn string, while time.Duration) {
	g := l.listening[arn]
	delete(l.listening, arn)
	for ip := range g.sockets {
		g.leave(ip)
	}
	if g.withdraw != nil {
		g.withdraw()
	}
	l.closing.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), while)
		defer cancel()
		go func() {
			select {
			case <-l.halts:
				time.AfterFunc(haste, cancel)
			case <-ctx.Done():
			}
		}()
		if err := g.server.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			l.node.log.Warn("a listener did not end well", "listener", arn, "error", err)
		}
		g.serving.Wait()
	})
}

// defaultPorts are those that a URL leaves out.
var defaultPorts = map[string]uint16{balancer.HTTP: 80, balancer.HTTPS: 443}

// urlOf is where a listener is found at a port of this machine.
func urlOf(b *balancer.Balancer, protocol string, port uint16) string {
	scheme := strings.ToLower(protocol)
	if protocol == balancer.TCPUDP {
		scheme = "tcp"
	}
	if defaultPorts[protocol] == port {
		return scheme + "://" + b.DNSName
	}
	return fmt.Sprintf("%s://%s:%d", scheme, b.DNSName, port)
}
