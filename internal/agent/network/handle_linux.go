package network

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// handle speaks netlink in one network namespace, the one in which it was opened.
type handle struct{ *netlink.Handle }

func newHandle() (handle, error) {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return handle{}, fmt.Errorf("open netlink: %w", err)
	}
	return handle{nl}, nil
}

// up gives a link an address, unless it has it, and brings it up.
func (h handle) up(link netlink.Link, addr *netlink.Addr) error {
	if err := h.AddrReplace(link, addr); err != nil {
		return fmt.Errorf("give %s address %s: %w", link.Attrs().Name, addr.IPNet, err)
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring %s up: %w", link.Attrs().Name, err)
	}
	return nil
}

// route makes or replaces a route.
func (h handle) route(route *netlink.Route) error {
	if err := h.RouteReplace(route); err != nil {
		return fmt.Errorf("route %s: %w", route.Dst, err)
	}
	return nil
}

// upLimit is how long awaitUp waits. A machine that takes longer has worse to offer than a frame that is sent again.
const upLimit = 2 * time.Second

// awaitUp waits until a link that has been brought up, as has its other end, carries frames. The kernel tells its queue,
// and the bridge that it is in, some time later; what is sent before is lost and sent again after a second.
func (h handle) awaitUp(index int) {
	for begin := time.Now(); time.Since(begin) < upLimit; time.Sleep(200 * time.Microsecond) {
		link, err := h.LinkByIndex(index)
		if err == nil && link.Attrs().OperState == netlink.OperUp {
			return
		}
	}
}

// everywhere is the destination of a default route.
func everywhere() *net.IPNet { return ipNet(netip.MustParsePrefix("0.0.0.0/0")) }

// ipNet returns the prefix in the form that netlink takes; the address keeps its host part.
func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}
}

// hostNet returns the address alone as a network.
func hostNet(addr netip.Addr) *net.IPNet { return ipNet(netip.PrefixFrom(addr, 32)) }

// prefixOf is the reverse of ipNet.
func prefixOf(ipnet *net.IPNet) (netip.Prefix, bool) {
	if ipnet == nil {
		return netip.Prefix{}, false
	}
	addr, ok := netip.AddrFromSlice(ipnet.IP)
	ones, _ := ipnet.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), ones).Masked(), ok
}
