//go:build linux

package main

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"

	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
	"github.com/berth-dev/berth/internal/agent/network"
)

// configure gives the namespace's interfaces what the configuration says beyond Docker's own settings.
func configure(c carrier.Config) error {
	if len(c.Loopback) > 0 {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return fmt.Errorf("find the loopback interface: %w", err)
		}
		for _, a := range c.Loopback {
			address := &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}}
			if err := netlink.AddrReplace(lo, address); err != nil {
				return fmt.Errorf("give %s to the loopback interface: %w", a, err)
			}
		}
		if err := netlink.LinkSetUp(lo); err != nil {
			return err
		}
	}
	if c.MAC != "" {
		mac, err := net.ParseMAC(c.MAC)
		if err != nil {
			return err
		}
		eth0, err := netlink.LinkByName("eth0")
		if err != nil {
			return fmt.Errorf("find eth0: %w", err)
		}
		if err := netlink.LinkSetHardwareAddr(eth0, mac); err != nil {
			return fmt.Errorf("give eth0 the address %s: %w", mac, err)
		}
	}
	if c.Rewrite {
		return network.RewriteMetadataPort()
	}
	return nil
}
