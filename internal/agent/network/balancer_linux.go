package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A load balancer's address is one more of its subnet's bridge, so tasks reach it as they do their gateway, and what listens
// there is a socket of this process that was made in the router namespace. The host and the containers of the bridge reach it
// by a link address, as they do tasks. None of it has a record: who wants the address there says so again after a restart,
// and what an earlier process left is taken away before.

// standing is a load balancer's address that is there.
type standing struct {
	BalancerNet
	link netip.Addr
}

// Stand makes a load balancer's address be there, in its VPC, whose router is made if need be. Repeating it changes nothing.
func (n *Network) Stand(ctx context.Context, b BalancerNet) error {
	if err := b.Validate(); err != nil {
		return fmt.Errorf("load balancer's address: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	n.balancing.Lock()
	defer n.balancing.Unlock()
	if _, ok := n.standing(b.key()); ok {
		return nil
	}
	if err := n.stand(b); err != nil {
		return fmt.Errorf("load balancer's address %s in %s: %w", b.Address, b.VPC, err)
	}
	return nil
}

func (n *Network) standing(key balancerAddress) (standing, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, ok := n.balancers[key]
	return s, ok
}

func (n *Network) stand(b BalancerNet) error {
	r, err := n.router(b.place())
	if err != nil {
		return err
	}
	bridge, link, err := r.reserve(b.place(), n.saveVPC)
	if err != nil {
		return err
	}
	s := standing{b, link}
	if err := errors.Join(r.stand(bridge, b.Address), r.rules.add(link, b.Address)); err != nil {
		return errors.Join(err, n.leave(r, s))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.balancers[b.key()] = s
	return n.rules.replace(n.hostFacts())
}

// Leave undoes Stand. Connections of the address end by themselves; an address that is not there is no error.
func (n *Network) Leave(_ context.Context, b BalancerNet) error {
	n.balancing.Lock()
	defer n.balancing.Unlock()
	s, ok := n.standing(b.key())
	if !ok {
		return nil
	}
	n.mu.Lock()
	r := n.routers[b.VPC]
	n.mu.Unlock()
	if err := n.leave(r, s); err != nil {
		return fmt.Errorf("remove load balancer's address %s from %s: %w", b.Address, b.VPC, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.balancers, b.key())
	return n.rules.replace(n.hostFacts())
}

func (n *Network) leave(r *router, s standing) error {
	if err := errors.Join(r.rules.remove(s.link, s.Address), r.leave(s.SubnetCIDR, s.Address)); err != nil {
		return err
	}
	r.release(s.place(), s.link)
	return nil
}

// Listen takes TCP connections at an address that stands.
func (n *Network) Listen(ctx context.Context, vpc string, at netip.AddrPort) (l net.Listener, err error) {
	config := net.ListenConfig{KeepAlive: -1} // load balancers have idle times, and this costs each connection four system calls
	config.SetMultipathTCP(false)
	err = n.within(vpc, at.Addr(), func() (err error) {
		l, err = config.Listen(ctx, "tcp4", at.String())
		return err
	})
	return l, err
}

// ListenPacket takes UDP packets at an address that stands.
func (n *Network) ListenPacket(ctx context.Context, vpc string, at netip.AddrPort) (c net.PacketConn, err error) {
	err = n.within(vpc, at.Addr(), func() (err error) {
		c, err = new(net.ListenConfig).ListenPacket(ctx, "udp4", at.String())
		return err
	})
	return c, err
}

// Dial connects to an address of the VPC, or beyond it, from one that stands. network is "tcp" or "udp".
func (n *Network) Dial(ctx context.Context, network, vpc string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	var fd int
	err := n.within(vpc, from, func() (err error) {
		fd, err = newSocket(network)
		return err
	})
	if err == nil {
		var conn net.Conn
		if conn, err = connect(ctx, fd, from, to); err == nil {
			return conn, nil
		}
	}
	return nil, &net.OpError{Op: "dial", Net: network, Source: ipAddr(from), Addr: net.TCPAddrFromAddrPort(to), Err: err}
}

func ipAddr(a netip.Addr) *net.IPAddr { return &net.IPAddr{IP: a.AsSlice()} }

// within runs fn in the router namespace of a VPC in which an address of a load balancer stands.
func (n *Network) within(vpc string, addr netip.Addr, fn func() error) error {
	n.mu.Lock()
	_, ok := n.balancers[balancerAddress{vpc, addr}]
	r := n.routers[vpc]
	n.mu.Unlock()
	if !ok || r == nil {
		return fmt.Errorf("no load balancer's address %s in %s: %w", addr, vpc, unix.EADDRNOTAVAIL)
	}
	return r.sockets.do(fn)
}

// LinkAddress is where the host and containers of the bridge reach an address that stands.
func (n *Network) LinkAddress(vpc string, addr netip.Addr) (netip.Addr, bool) {
	s, ok := n.standing(balancerAddress{vpc, addr})
	return s.link, ok
}

// Name has the resolvers answer a load balancer's name: in the VPC with its addresses, and to containers of the bridge with
// those by which they reach them. Repeated, it is the last that counts.
func (n *Network) Name(vpc, name string, addrs []netip.Addr) error {
	var links []netip.Addr
	for _, addr := range addrs {
		if link, ok := n.LinkAddress(vpc, addr); ok {
			links = append(links, link)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.routers[vpc]
	if r == nil {
		return fmt.Errorf("name %s: %s has no load balancer here", name, vpc)
	}
	r.dns.name(name, addrs)
	n.names[balancerName{vpc, name}] = links
	if bridge := n.routers[bridgeID]; bridge != nil {
		bridge.dns.name(name, links)
	}
	return nil
}

// Forget undoes Name. A name that is not known is no error.
func (n *Network) Forget(vpc, name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.names, balancerName{vpc, name})
	for _, id := range []string{vpc, bridgeID} {
		if r := n.routers[id]; r != nil {
			r.dns.forget(name)
		}
	}
	return nil
}

// balancerName is a load balancer's name as those of a VPC know it.
type balancerName struct{ vpc, name string }

// stand gives a subnet's bridge an address of a load balancer, and tells those who knew the address as another's.
func (r *router) stand(bridge int, addr netip.Addr) error {
	link, err := r.nl.LinkByIndex(bridge)
	if err != nil {
		return fmt.Errorf("find the subnet's bridge: %w", err)
	}
	if err := r.nl.AddrReplace(link, &netlink.Addr{IPNet: hostNet(addr)}); err != nil {
		return fmt.Errorf("give %s the address: %w", link.Attrs().Name, err)
	}
	return r.sockets.do(func() error {
		out, err := newAnnouncer(bridge)
		if err != nil {
			return err
		}
		defer r.closing.Go(out.close)
		return out.announce(addr, link.Attrs().HardwareAddr)
	})
}

// leave takes the address off the bridge again.
func (r *router) leave(subnet netip.Prefix, addr netip.Addr) error {
	r.mu.Lock()
	index := r.bridges[subnet]
	r.mu.Unlock()
	link, err := r.nl.LinkByIndex(index)
	if err != nil {
		return fmt.Errorf("find the subnet's bridge: %w", err)
	}
	return r.dropAddress(link, hostNet(addr))
}

func (r *router) dropAddress(link netlink.Link, addr *net.IPNet) error {
	if err := r.nl.AddrDel(link, &netlink.Addr{IPNet: addr}); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
		return fmt.Errorf("take %s off %s: %w", addr, link.Attrs().Name, err)
	}
	return nil
}

// dropStanding takes off a bridge what an earlier process had stand there: all but its gateway.
func (r *router) dropStanding(bridge netlink.Link, gateway netip.Addr) error {
	addrs, err := r.nl.AddrList(bridge, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list the addresses of %s: %w", bridge.Attrs().Name, err)
	}
	var errs []error
	for _, a := range addrs {
		if has, _ := netip.AddrFromSlice(a.IP.To4()); has != gateway {
			errs = append(errs, r.dropAddress(bridge, a.IPNet))
		}
	}
	return errors.Join(errs...)
}
