package network

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// udpTo matches conversations over UDP with published ports.
type udpTo []Published

// MatchConntrackFlow implements netlink's filter.
func (ports udpTo) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	if flow.Forward.Protocol != unix.IPPROTO_UDP {
		return false
	}
	for _, p := range ports {
		if p.Protocol == "udp" && flow.Forward.DstPort >= p.Host.First && flow.Forward.DstPort <= p.Host.Last {
			return true
		}
	}
	return false
}

// forgetUDP has the kernel forget conversations over UDP with published ports. It keeps one for as long as there are
// packets, and to where it went when it began: to a container that is gone, or to none.
func forgetUDP(published []Published) error {
	udp := false
	for _, p := range published {
		udp = udp || p.Protocol == "udp"
	}
	if !udp {
		return nil
	}
	if _, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, udpTo(published)); err != nil {
		return fmt.Errorf("forget conversations over UDP: %w", err)
	}
	return nil
}
