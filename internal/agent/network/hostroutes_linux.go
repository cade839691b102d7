package network

import (
	"fmt"
	"net"
	"regexp"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// anyBerthLink matches the names of the links of every instance on the machine.
var anyBerthLink = regexp.MustCompile(`^b[0-9a-f]{8}-[0-9]+$`)

// rangesInUse returns what the host routes, in all its tables, and the addresses that it has, except for what the link
// of the name given brought.
func rangesInUse(host handle, except string) ([]taken, error) {
	links, err := host.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	names := map[int]string{}
	for _, link := range links {
		names[link.Attrs().Index] = link.Attrs().Name
	}
	var use []taken
	add := func(ipnet *net.IPNet, link int) {
		if prefix, ok := prefixOf(ipnet); ok && names[link] != except {
			use = append(use, taken{Prefix: prefix, berth: anyBerthLink.MatchString(names[link])})
		}
	}
	routes, err := host.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	for _, route := range routes {
		add(route.Dst, route.LinkIndex)
	}
	addrs, err := host.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	for _, addr := range addrs {
		add(addr.IPNet, addr.LinkIndex)
	}
	return use, nil
}

// uplinkMTU returns the MTU that packets to the Internet have room for, so that tasks don't depend on path MTU discovery
// where the host's own link is narrow (tunnels, some clouds). It is never more than Ethernet's.
func uplinkMTU(host handle) int {
	const ethernet, least = 1500, 1280
	routes, err := host.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Dst: nil}, netlink.RT_FILTER_DST)
	if err != nil {
		return ethernet
	}
	mtu := ethernet
	for _, route := range routes {
		if link, err := host.LinkByIndex(route.LinkIndex); err == nil && link.Attrs().MTU >= least {
			mtu = min(mtu, link.Attrs().MTU)
		}
	}
	return mtu
}
