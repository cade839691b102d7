package node

import (
	"context"
	"net"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/handshake"
	"github.com/berth-dev/berth/internal/elb/proxy"
	"github.com/berth-dev/berth/internal/elb/room"
	"github.com/berth-dev/berth/internal/elb/stream"
	"github.com/berth-dev/berth/internal/elb/target"
)

// Server answers at one listener of a load balancer: an HTTP proxy or a forwarder of streams. Its methods may be called at any
// time, by many.
type Server interface {
	// Update has it go by other settings, for what comes from now on. It changes nothing when they are of no use.
	Update(b *balancer.Balancer, l *balancer.Listener) error
	// Serve takes the connections of a listener until that is closed. at is where the load balancer stands to whom they came,
	// and from where targets are dialed.
	Serve(l net.Listener, at balancer.Address) error
	// ServeConn serves one connection and closes it.
	ServeConn(conn net.Conn, at balancer.Address)
	// ServePacket takes the datagrams of a socket until that is closed. at is asked for each client's port anew: where the load
	// balancer stands to whom its datagrams came.
	ServePacket(conn net.PacketConn, at func() balancer.Address) error
	// Shutdown lets what is under way end, until ctx ends, and cuts the rest.
	Shutdown(ctx context.Context) error
}

// Groups are the live target groups by their ARNs.
type Groups interface {
	// Group is nil when there is none.
	Group(arn string) *target.Group
}

// Serving makes the server of a listener. published is the port of this machine at which a port of the load balancer is
// published; 0: it is not.
type Serving func(b *balancer.Balancer, l *balancer.Listener, groups Groups, published func(port uint16) uint16) (Server, error)

// Protocols serves all protocols that listeners have.
type Protocols struct {
	// Key seals the cookies of sticky clients: 32 bytes, the same after each start.
	Key []byte
	// Log, unless nil, takes the line of each request of a load balancer that keeps an access log. It must not wait.
	Log func(log *balancer.AccessLog, line []byte)
	// Room, unless nil, bounds the connections and flows of clients.
	Room *room.Room
}

// Serve is a Serving.
func (p Protocols) Serve(b *balancer.Balancer, l *balancer.Listener, groups Groups, published func(port uint16) uint16) (Server, error) {
	if ofHTTP(l.Protocol) {
		made, err := proxy.New(proxy.Config{Groups: groups, Key: p.Key, Log: p.Log, Published: published, Room: p.Room}, b, l)
		return requests{made}, err
	}
	return stream.New(stream.Config{Groups: groups.Group, TLS: handshake.Config, Room: p.Room}, b, l)
}

// requests is a proxy as a Server.
type requests struct{ *proxy.Proxy }

// ServePacket is not asked: requests come by TCP.
func (r requests) ServePacket(conn net.PacketConn, _ func() balancer.Address) error {
	return conn.Close()
}
