package balancer

import (
	"context"
	"net"
	"net/netip"
)

// Ground is the machine under a load balancer: where its addresses are, and how its targets are reached. All methods may be
// called at any time.
type Ground interface {
	// Stand makes an address of the load balancer be there, in its VPC. Repeating it changes nothing.
	Stand(ctx context.Context, vpc string, at Address) error
	// Leave undoes Stand. An address that is not there is no error.
	Leave(ctx context.Context, vpc string, at Address) error
	// Listen takes TCP connections at an address that stands.
	Listen(ctx context.Context, vpc string, at netip.AddrPort) (net.Listener, error)
	// ListenPacket takes UDP packets at an address that stands.
	ListenPacket(ctx context.Context, vpc string, at netip.AddrPort) (net.PacketConn, error)
	// Dial connects to an address of the VPC, from an address that stands. network is "tcp" or "udp".
	Dial(ctx context.Context, network, vpc string, from netip.Addr, to netip.AddrPort) (net.Conn, error)
	// DialInstance connects to a port of a container instance, by the id under which it is registered as a target.
	DialInstance(ctx context.Context, network, instance string, port uint16) (net.Conn, error)
	// Name makes a name known to the resolvers of the VPC and of this machine's containers, and Forget undoes it.
	Name(vpc, name string, addrs []netip.Addr) error
	Forget(vpc, name string) error
}
