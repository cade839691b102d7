package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The bridge of an instance is one more router namespace, so that Docker's FORWARD policy and the host's bridge netfilter
// have no say in what its containers tell each other:
//
//	host namespace                     router namespace "vpc-bridge"            container namespace
//	b<instance>-2  ── link range ──  link   s-64501800-21 (bridge, .24.1/21) ── e-64501804 ── eth0 100.80.24.4/21
//	100.80.16.1      (a /20)         .2     lo 100.80.24.2 (resolver)                         lo   169.254.170.2/32
//
// The upper half of its link range is the bridge's own, so the host routes to containers and the router translates nothing
// but its own address: to containers, their gateway is the host, as in Docker. What they send to others leaves the host as the host's own.
// Published ports are the host's to translate; see hostRules.

// bridgeRecord is the record of the bridge on a link range.
func bridgeRecord(record vpcRecord) vpcRecord {
	half := record.Range.Bits() + 1
	subnetAddr := addr4(number(record.Range.Addr()) + 1<<(32-half))
	addrs := newLinkRange(netip.PrefixFrom(subnetAddr, half))
	record.Subnets = []subnet{{CIDR: addrs.prefix, Gateway: addrs.at(bridgeGateway)}}
	record.Resolver = addrs.at(bridgeResolver)
	return record
}

// Offsets in the bridge's subnet, below firstTask.
const (
	bridgeGateway  = 1
	bridgeResolver = 2
)

func (r vpcRecord) isBridge() bool { return r.VPC == bridgeID }

// bridge returns the bridge's router, which its first container makes.
func (n *Network) bridge() (*router, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r, ok := n.routers[bridgeID]; ok {
		return r, nil
	}
	return n.makeRouter(vpcRecord{VPC: bridgeID})
}

// openBridge completes what openRouter has made: who has which address, and the way of packets to the host's loopback
// addresses, which the host's rules have bounded before.
func (n *Network) openBridge(r *router) error {
	r.containers = newLinkRange(r.record.Subnets[0].CIDR)
	for key, b := range n.bridged {
		if b.Is.Address.IsValid() {
			r.containers.adopt(b.Is.Address, key)
		}
	}
	return allowLoopback(r.record.Link)
}

// allowLoopback has the host route answers that come by a link to connections from its loopback addresses.
func allowLoopback(link string) error {
	path := filepath.Join("/proc/sys/net/ipv4/conf", link, "route_localnet")
	if err := os.WriteFile(path, []byte("1"), 0); err != nil {
		return fmt.Errorf("route loopback addresses by %s: %w", link, err)
	}
	return nil
}

// plug makes a container's namespace with its leg in the bridge.
func (r *router) plug(path string, addr netip.Addr) (Bridged, error) {
	s := r.record.Subnets[0]
	b := Bridged{NetNS: path, Address: addr, Gateway: s.Gateway, Bits: s.CIDR.Bits(), Resolver: r.record.Resolver,
		MAC: net.HardwareAddr(append([]byte{0x02, 0x42}, addr.AsSlice()...)).String()} // as Docker's
	r.mu.Lock()
	bridge := r.bridges[s.CIDR]
	r.mu.Unlock()
	err := r.attach(path, TaskNet{SubnetCIDR: s.CIDR, Gateway: s.Gateway, Address: addr, MAC: b.MAC}, bridge)
	return b, err
}

// createDisabled makes a namespace with nothing but its loopback interface.
func createDisabled(path string) error {
	if err := dropNamespace(path); err != nil { // what a Bridge that was cut short left
		return err
	}
	return createNamespace(path, func(int) error {
		nl, err := newHandle()
		if err != nil {
			return err
		}
		defer nl.Close()
		lo, err := nl.LinkByName("lo")
		if err != nil {
			return err
		}
		return errors.Join(setSysctls(taskSysctls), nl.LinkSetUp(lo))
	})
}

// replaceForBridge puts the rules of the bridge's router in place:
//
//	prerouting: ip daddr <gateway> meta l4proto { tcp, udp } dnat to <host>   # to containers their gateway is the host
//	output:     ip saddr <resolver> icmp type destination-unreachable drop
func (r *routerRules) replaceForBridge(gateway, host, resolver netip.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	table := replaceTable(r.nft, "berth")
	toHost := func(protocol byte) []expr.Any {
		return rule(destinationIs(gateway), protocolIs(protocol),
			[]expr.Any{&expr.Immediate{Register: 1, Data: host.AsSlice()},
				&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1}})
	}
	addChain(r.nft, table, "prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest, nftables.ChainPolicyAccept,
		toHost(unix.IPPROTO_TCP), toHost(unix.IPPROTO_UDP))
	addChain(r.nft, table, "output", nftables.ChainTypeFilter, nftables.ChainHookOutput, nftables.ChainPriorityFilter, nftables.ChainPolicyAccept,
		rule(sourceIs(resolver), unreachable(), drop()))
	if err := r.nft.Flush(); err != nil {
		return fmt.Errorf("rules of the bridge (they need the kernel's nf_tables with nat and ct): %w", err)
	}
	return nil
}
