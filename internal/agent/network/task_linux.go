package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// attach makes the task's namespace at path and its leg in the subnet's bridge.
func (r *router) attach(path string, t TaskNet, bridge int) error {
	if _, err := os.Lstat(path); err == nil {
		if err := dropNamespace(path); err != nil { // what an Attach that was cut short left
			return err
		}
	}
	mac, err := net.ParseMAC(t.MAC)
	if err != nil {
		return err
	}
	var leg int
	var out announcer
	err = createNamespace(path, func(ns int) (err error) {
		if err := setSysctls(taskSysctls); err != nil {
			return err
		}
		if leg, err = r.addLeg(t, mac, bridge, ns); err != nil {
			return err
		}
		nl, err := newHandle()
		if err != nil {
			return err
		}
		defer nl.Close()
		eth0, err := configureTask(nl, t)
		if err != nil {
			return err
		}
		out, err = newAnnouncer(eth0)
		return err
	})
	if err != nil {
		return err
	}
	defer r.closing.Go(out.close) // for which the kernel takes a grace period of RCU, 8 ms and more
	r.nl.awaitUp(leg)
	r.nl.awaitUp(bridge) // the subnet's first leg brings it up
	return out.announce(t.Address, mac)
}

// addLeg makes the pair of links that joins the task's namespace to its subnet and returns the index of the router's end.
func (r *router) addLeg(t TaskNet, mac net.HardwareAddr, bridge, ns int) (int, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.MasterIndex, attrs.Flags = legName(t.Address), r.mtu, bridge, net.FlagUp
	leg := &netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerHardwareAddr: mac, PeerNamespace: netlink.NsFd(ns)}
	err := r.nl.LinkAdd(leg)
	if errors.Is(err, unix.EEXIST) {
		// The leg of the address's last owner, whose namespace the kernel has not cleared away yet.
		_ = r.nl.LinkDel(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: attrs.Name}})
		err = r.nl.LinkAdd(leg)
	}
	if err != nil {
		return 0, fmt.Errorf("make leg of %s in subnet %s: %w", t.Address, t.SubnetCIDR, err)
	}
	return leg.Index, nil
}

// configureTask sets the interfaces of the task's namespace up, which the calling thread is in, and returns the index of eth0.
func configureTask(nl handle, t TaskNet) (int, error) {
	const loopback = 1 // in every namespace
	lo := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo", Index: loopback}}
	if err := nl.up(lo, &netlink.Addr{IPNet: hostNet(MetadataAddress)}); err != nil {
		return 0, err
	}
	if err := RewriteMetadataPort(); err != nil {
		return 0, err
	}
	eth0, err := nl.LinkByName("eth0")
	if err != nil {
		return 0, fmt.Errorf("find eth0: %w", err)
	}
	if err := nl.up(eth0, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(t.Address, t.SubnetCIDR.Bits()))}); err != nil {
		return 0, err
	}
	index := eth0.Attrs().Index
	return index, nl.route(&netlink.Route{LinkIndex: index, Dst: everywhere(), Gw: t.Gateway.AsSlice()})
}
