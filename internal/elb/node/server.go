package node

import (
	"context"
	"net"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

// Server answers at one listener of a load balancer: an HTTP proxy or a forwarder of streams. Its methods may be called at any
// time, by many.
type Server interface {
	// Update has it go by other settings, for what comes from now on.
	Update(b *balancer.Balancer, l *balancer.Listener)
	// Serve takes the connections of a listener until that is closed. at is where the load balancer stands to whom they came,
	// and from where targets are dialed.
	Serve(l net.Listener, at balancer.Address) error
	// ServeConn serves one connection and closes it.
	ServeConn(conn net.Conn, at balancer.Address)
	// ServePackets takes the datagrams of a socket until that is closed.
	ServePackets(conn net.PacketConn, at balancer.Address) error
	// Shutdown lets what is under way end, until ctx ends, and cuts the rest.
	Shutdown(ctx context.Context) error
}

// Groups are the live target groups by their ARNs.
type Groups interface {
	// Group is nil when there is none.
	Group(arn string) *target.Group
}

// Serving makes the server of a listener.
type Serving func(b *balancer.Balancer, l *balancer.Listener, groups Groups) Server
