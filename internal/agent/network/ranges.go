package network

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"
)

// linkBits is the length of a link range's prefix: room for 4,092 tasks of one VPC on one machine.
const linkBits = 20

// linkBlocks are where link ranges are looked for, in this order. The first is the shared address space that networks at
// home and at work leave alone; a machine on which something else uses any part of it (Tailscale, a provider's NAT) is
// taken to use all of it, since such software drops what it has not handed out itself.
var linkBlocks = []struct {
	netip.Prefix
	exclusive bool
}{
	{netip.MustParsePrefix("100.64.0.0/10"), true},
	{netip.MustParsePrefix("10.0.0.0/8"), false},
	{netip.MustParsePrefix("172.16.0.0/12"), false},
}

// taken is a range that the host routes or has an address in.
type taken struct {
	netip.Prefix
	berth bool // by a link of ours or of another Berth on this machine
}

// chooseLinkRange returns a range that overlaps nothing in use and nothing to avoid. The search begins at a place that
// depends on the seed alone, so a VPC gets the same range after a reboot as long as it is free.
func chooseLinkRange(seed string, use []taken, avoid ...netip.Prefix) (netip.Prefix, error) {
	hash := fnv.New32a()
	hash.Write([]byte(seed))
	for _, block := range linkBlocks {
		if block.exclusive && usedByOthers(block.Prefix, use) {
			continue
		}
		count := uint32(1) << (linkBits - block.Bits())
		for i := range count {
			candidate := nthRange(block.Prefix, (hash.Sum32()+i)%count)
			if rangeIsFree(candidate, use) && !overlapsAny(candidate, avoid) {
				return candidate, nil
			}
		}
	}
	return netip.Prefix{}, fmt.Errorf("no free /%d for the link to the VPC in 100.64.0.0/10, 10.0.0.0/8 and 172.16.0.0/12: "+
		"the host's routes cover all of them", linkBits)
}

func nthRange(block netip.Prefix, n uint32) netip.Prefix {
	return netip.PrefixFrom(addr4(number(block.Addr())+n<<(32-linkBits)), linkBits)
}

func usedByOthers(block netip.Prefix, use []taken) bool {
	for _, t := range use {
		if !t.berth && counts(t) && t.Overlaps(block) {
			return true
		}
	}
	return false
}

func rangeIsFree(candidate netip.Prefix, use []taken) bool {
	for _, t := range use {
		if counts(t) && t.Overlaps(candidate) {
			return false
		}
	}
	return true
}

// counts tells a route to a network from a default route in disguise: VPN clients route 0.0.0.0/1 and 128.0.0.0/1.
func counts(t taken) bool { return t.Bits() >= 8 }

func overlapsAny(candidate netip.Prefix, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		if p.IsValid() && p.Overlaps(candidate) {
			return true
		}
	}
	return false
}

func number(addr netip.Addr) uint32 { return binary.BigEndian.Uint32(addr.AsSlice()) }

func addr4(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}

// linkRange hands out the addresses of one VPC's link range. It goes round, so that an address is not used again soon.
type linkRange struct {
	prefix netip.Prefix
	owner  map[netip.Addr]string // task by address
	next   uint32
}

func newLinkRange(prefix netip.Prefix) *linkRange {
	return &linkRange{prefix: prefix, owner: map[netip.Addr]string{}, next: firstTask}
}

// Offsets in a link range.
const (
	hostEnd   = 1
	routerEnd = 2
	firstTask = 4
)

func (r *linkRange) at(offset uint32) netip.Addr {
	return addr4(number(r.prefix.Addr()) + offset)
}

func (r *linkRange) host() netip.Addr   { return r.at(hostEnd) }
func (r *linkRange) router() netip.Addr { return r.at(routerEnd) }

func (r *linkRange) take(task string) (netip.Addr, error) {
	last := uint32(1)<<(32-r.prefix.Bits()) - 1 // the broadcast address
	for range last - firstTask {
		addr := r.at(r.next)
		if r.next++; r.next == last {
			r.next = firstTask
		}
		if _, used := r.owner[addr]; !used {
			r.owner[addr] = task
			return addr, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("link range %s is full: %d tasks of one VPC on this machine", r.prefix, len(r.owner))
}

// adopt notes that a task has an address already.
func (r *linkRange) adopt(addr netip.Addr, task string) { r.owner[addr] = task }

func (r *linkRange) give(addr netip.Addr) { delete(r.owner, addr) }
