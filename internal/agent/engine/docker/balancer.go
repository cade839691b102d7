package docker

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/containerd/errdefs"

	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
	"github.com/berth-dev/berth/internal/agent/network"
)

func (n *Network) footing(b network.BalancerNet) *footing {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.footings[b.VPC]
	if f == nil {
		f = &footing{Engine: n.Engine, vpc: b.VPC, pool: b.VPCCIDR, stands: map[netip.Addr]func() error{}, doors: map[netip.AddrPort]*door{}}
		n.footings[b.VPC] = f
	}
	return f
}

func (n *Network) footingOf(vpc string, addr netip.Addr) (*footing, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f := n.footings[vpc]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("no load balancer's address %s in %s: %w", addr, vpc, syscall.EADDRNOTAVAIL)
}

// Stand makes a load balancer's address be there, in its VPC's network, which is made if need be.
func (n *Network) Stand(ctx context.Context, b network.BalancerNet) error {
	if err := b.Validate(); err != nil {
		return fmt.Errorf("load balancer's address: %w", err)
	}
	if err := n.vpc(b.VPC).ready(ctx, n.Engine, network.TaskNet{VPC: b.VPC, VPCCIDR: b.VPCCIDR, SubnetCIDR: b.SubnetCIDR}); err != nil {
		return fmt.Errorf("load balancer's address %s: %w", b.Address, err)
	}
	f := n.footing(b)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.stands[b.Address]; !ok {
		f.stands[b.Address] = nil
	}
	_, err := f.session(ctx)
	return err
}

// Leave undoes Stand. The last to leave ends the container.
func (n *Network) Leave(ctx context.Context, b network.BalancerNet) error {
	f, err := n.footingOf(b.VPC, b.Address)
	if err != nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if leave := f.stands[b.Address]; leave != nil {
		_ = leave() // fails when the session has ended, and the address is gone with it
	}
	delete(f.stands, b.Address)
	if len(f.stands) > 0 {
		return nil
	}
	f.guide.reach(f.vpc, netip.Addr{})
	err = removeContainer(ctx, f.api, f.container())
	if errdefs.IsNotFound(err) {
		err = nil
	}
	return err
}

// Listen takes TCP connections at an address that stands. Its listener ends with the session, by io.EOF.
func (n *Network) Listen(ctx context.Context, vpc string, at netip.AddrPort) (net.Listener, error) {
	f, err := n.footingOf(vpc, at.Addr())
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	inlet, err := f.session(ctx)
	if err != nil {
		return nil, err
	}
	d := &door{at: at, came: make(chan net.Conn), ended: make(chan struct{})}
	f.doors[at] = d
	if d.stop, err = inlet.Bind(ctx, at); err != nil {
		delete(f.doors, at)
		return nil, fmt.Errorf("listen at %s: %w", at, err)
	}
	d.leave = func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.doors[at] == d {
			delete(f.doors, at)
		}
	}
	return d, nil
}

// ListenPacket takes UDP packets at an address that stands.
func (n *Network) ListenPacket(ctx context.Context, vpc string, at netip.AddrPort) (net.PacketConn, error) {
	inlet, err := n.attached(ctx, vpc, at.Addr())
	if err != nil {
		return nil, err
	}
	return inlet.Packets(ctx, at)
}

// Dial connects to an address of the VPC. Where the VPC's network is this machine's, it is from the network's gateway, which
// costs a tenth of what the way through the container does; elsewhere from the address that stands.
func (n *Network) Dial(ctx context.Context, network, vpc string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	f, err := n.footingOf(vpc, from)
	if err != nil {
		return nil, err
	}
	if f.pool.Contains(to.Addr()) && isHere(gatewayOf(f.pool)) {
		return new(net.Dialer).DialContext(ctx, network, to.String())
	}
	inlet, err := n.attached(ctx, vpc, from)
	if err != nil {
		return nil, err
	}
	return inlet.DialFrom(ctx, network, from, to)
}

func (n *Network) attached(ctx context.Context, vpc string, at netip.Addr) (*carrier.Inlet, error) {
	f, err := n.footingOf(vpc, at)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.session(ctx)
}

// Name has the VPC's resolver answer a load balancer's name with its addresses, and containers on the bridge find them.
func (n *Network) Name(vpc, name string, addrs []netip.Addr) error {
	n.vpc(vpc).names.Name(name, addrs)
	n.guide.name(vpc, name, addrs)
	return nil
}

// Forget undoes Name.
func (n *Network) Forget(vpc, name string) error {
	n.vpc(vpc).names.Forget(name)
	n.guide.name(vpc, name, nil)
	return nil
}
