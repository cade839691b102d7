package network

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Names inside a router namespace. They need no instance id: nothing else is in there.
const (
	routerLink   = "link" // the link to the host
	bridgePrefix = "s-"   // one bridge a subnet: s-<network in hexadecimal>-<bits>
	legPrefix    = "e-"   // one leg a task: e-<address in hexadecimal>
)

// linkLocal never leaves the VPC: on a cloud's machine the host's metadata service, with the machine's credentials, is there.
var linkLocal = netip.MustParsePrefix("169.254.0.0/16")

// router is one VPC's router namespace: a bridge for each subnet, the link to the host, the resolver.
type router struct {
	path  string
	mtu   int
	ns    *os.File
	nl    handle
	rules *routerRules
	dns   *resolver
	// sockets makes those of load balancers.
	sockets *sockets

	closing sync.WaitGroup // of what attached tasks no longer need

	mu      sync.Mutex // guards what follows
	record  vpcRecord
	bridges map[netip.Prefix]int // index by subnet
	links   *linkRange
	owners  map[netip.Addr]string // task by address
	// containers are the addresses of the bridge; nil for a VPC.
	containers *linkRange
}

// openRouter makes the VPC's router namespace as its record says, or makes whole what is there of it.
func openRouter(path string, record vpcRecord, host handle, tasks []taskRecord) (*router, error) {
	r := &router{path: path, mtu: uplinkMTU(host), record: record, sockets: newSockets(path),
		bridges: map[netip.Prefix]int{}, links: newLinkRange(record.Range), owners: map[netip.Addr]string{}}
	if err := r.open(host, tasks); err != nil {
		return nil, errors.Join(fmt.Errorf("router of %s: %w", record.VPC, err), r.close())
	}
	return r, nil
}

func (r *router) open(host handle, tasks []taskRecord) (err error) {
	if !isNamespace(r.path) {
		if err := dropNamespace(r.path); err != nil {
			return err
		}
		if err := createNamespace(r.path, func(int) error { return nil }); err != nil {
			return err
		}
	}
	if r.ns, err = os.Open(r.path); err != nil {
		return err
	}
	err = inside(r.path, func() (err error) {
		if err := setSysctls(routerSysctls); err != nil {
			return err
		}
		if r.nl, err = newHandle(); err != nil {
			return err
		}
		r.rules, err = newRouterRules()
		return err
	})
	if err != nil {
		return err
	}
	if err := r.ensureLoopback(); err != nil {
		return err
	}
	if err := r.ensureLink(host); err != nil {
		return err
	}
	for _, s := range r.record.Subnets {
		if err := r.ensureBridge(s); err != nil {
			return err
		}
	}
	mapped := map[netip.Addr]netip.Addr{}
	for _, t := range tasks {
		mapped[t.HostAddress] = t.Address
		r.links.adopt(t.HostAddress, t.Task)
		r.owners[t.Address] = t.Task
	}
	if r.record.isBridge() {
		return r.rules.replaceForBridge(r.record.Subnets[0].Gateway, r.links.host(), r.record.Resolver)
	}
	return r.rules.replace(r.record.Resolver, mapped)
}

// close lets go of the namespace, which stays.
func (r *router) close() error {
	r.sockets.close()
	r.closing.Wait()
	var errs []error
	if r.dns != nil {
		r.dns.close()
	}
	if r.rules != nil {
		errs = append(errs, r.rules.close())
	}
	if r.nl.Handle != nil {
		r.nl.Close()
	}
	if r.ns != nil {
		errs = append(errs, r.ns.Close())
	}
	return errors.Join(errs...)
}

// ensureLoopback brings the loopback interface up with the resolver's address.
func (r *router) ensureLoopback() error {
	lo, err := r.nl.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	return r.nl.up(lo, &netlink.Addr{IPNet: hostNet(r.record.Resolver)})
}

// ensureLink joins the namespace to the host. Each end routes the other's side by the other end's address, so that the
// host asks for one neighbour, not for each task.
func (r *router) ensureLink(host handle) error {
	near, far, err := r.linkEnds(host)
	if err != nil {
		return err
	}
	hostAddr, routerAddr := r.links.host(), r.links.router()
	if err := r.nl.up(far, &netlink.Addr{IPNet: hostNet(routerAddr), Peer: hostNet(hostAddr)}); err != nil {
		return err
	}
	if err := host.up(near, &netlink.Addr{IPNet: hostNet(hostAddr), Peer: hostNet(routerAddr)}); err != nil {
		return err
	}
	if err := host.route(&netlink.Route{LinkIndex: near.Attrs().Index, Dst: ipNet(r.record.Range),
		Gw: routerAddr.AsSlice(), Src: hostAddr.AsSlice()}); err != nil {
		return err
	}
	host.awaitUp(near.Attrs().Index)
	r.nl.awaitUp(far.Attrs().Index)
	for _, kept := range []netip.Prefix{r.record.CIDR, linkLocal} {
		if !kept.IsValid() {
			continue
		}
		if err := r.nl.route(&netlink.Route{Dst: ipNet(kept), Type: unix.RTN_UNREACHABLE}); err != nil {
			return err
		}
	}
	return r.nl.route(&netlink.Route{LinkIndex: far.Attrs().Index, Dst: everywhere(), Gw: hostAddr.AsSlice()})
}

// linkEnds returns the host's and the router's end of the link and makes them when one is missing: an end never stays
// without the other for longer than the kernel needs to clear a namespace away.
func (r *router) linkEnds(host handle) (near, far netlink.Link, err error) {
	near, nearErr := host.LinkByName(r.record.Link)
	far, farErr := r.nl.LinkByName(routerLink)
	if nearErr == nil && farErr == nil {
		return near, far, nil
	}
	for _, end := range []struct {
		nl   handle
		link netlink.Link
		err  error
	}{{host, near, nearErr}, {r.nl, far, farErr}} {
		if end.err == nil {
			_ = end.nl.LinkDel(end.link) // it may be going already
		}
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.Alias = r.record.Link, r.mtu, "berth "+r.record.VPC
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: routerLink, PeerNamespace: netlink.NsFd(r.ns.Fd())}
	if err := host.LinkAdd(veth); err != nil {
		return nil, nil, fmt.Errorf("make link %s: %w", r.record.Link, err)
	}
	if near, err = host.LinkByName(r.record.Link); err == nil {
		far, err = r.nl.LinkByName(routerLink)
	}
	return near, far, err
}

// ensureBridge makes a subnet's bridge. Its MAC address is fixed: that of a bridge without one changes with its ports,
// and tasks would send to a gateway that is gone.
func (r *router) ensureBridge(s subnet) error {
	name := bridgeName(s.CIDR)
	bridge, err := r.nl.LinkByName(name)
	if err != nil {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = name, r.mtu
		attrs.HardwareAddr = append(net.HardwareAddr{0x06, 0xbe}, s.Gateway.AsSlice()...)
		if err := r.nl.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: new(bool)}); err != nil {
			return fmt.Errorf("make bridge of subnet %s: %w", s.CIDR, err)
		}
		if bridge, err = r.nl.LinkByName(name); err != nil {
			return fmt.Errorf("find bridge of subnet %s: %w", s.CIDR, err)
		}
	}
	if err := r.nl.up(bridge, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(s.Gateway, s.CIDR.Bits()))}); err != nil {
		return err
	}
	r.bridges[s.CIDR] = bridge.Attrs().Index
	return r.dropStanding(bridge, s.Gateway)
}

// openResolver starts the VPC's resolver on its address in the router namespace.
func (r *router) openResolver(up *upstreams, log *slog.Logger, tasks []taskRecord) error {
	address := netip.AddrPortFrom(r.record.Resolver, 53).String()
	udp, tcp, err := listenInside(r.path, address)
	// An agent that was killed while it started a program may leave its sockets to that for an instant.
	for begin := time.Now(); errors.Is(err, unix.EADDRINUSE) && time.Since(begin) < 2*time.Second; {
		time.Sleep(5 * time.Millisecond)
		udp, tcp, err = listenInside(r.path, address)
	}
	if err != nil {
		return fmt.Errorf("resolver of %s: %w", r.record.VPC, err)
	}
	r.dns = newResolver(udp, tcp, up, log)
	for _, t := range tasks {
		r.dns.add(t.DNSName, t.Address)
	}
	return nil
}

// listenInside opens sockets for both of DNS's protocols in the namespace at path.
func listenInside(path, address string) (udp net.PacketConn, tcp net.Listener, err error) {
	err = inside(path, func() (err error) {
		if udp, err = net.ListenPacket("udp4", address); err != nil {
			return err
		}
		if tcp, err = net.Listen("tcp4", address); err != nil {
			return errors.Join(err, udp.Close())
		}
		return nil
	})
	return udp, tcp, err
}

func bridgeName(cidr netip.Prefix) string {
	return fmt.Sprintf("%s%x-%d", bridgePrefix, number(cidr.Addr()), cidr.Bits())
}

func legName(addr netip.Addr) string {
	return fmt.Sprintf("%s%x", legPrefix, number(addr))
}

// reserve finds the task's bridge, making it when it is the subnet's first task, and gives the task a link address.
// A changed record is saved before the kernel is asked for the bridge.
func (r *router) reserve(t TaskNet, save func(vpcRecord) error) (bridge int, link netip.Addr, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if owner, used := r.owners[t.Address]; used {
		return 0, link, fmt.Errorf("address %s of %s belongs to task %s already", t.Address, t.VPC, owner)
	}
	if t.Resolver != r.record.Resolver {
		return 0, link, fmt.Errorf("resolver %s: that of %s is %s", t.Resolver, t.VPC, r.record.Resolver)
	}
	bridge, known := r.bridges[t.SubnetCIDR]
	if !known {
		if t.SubnetCIDR.Overlaps(r.record.Range) {
			return 0, link, fmt.Errorf("subnet %s overlaps the link range %s of %s", t.SubnetCIDR, r.record.Range, t.VPC)
		}
		record := r.record
		record.Subnets = append(slices.Clone(record.Subnets), subnet{t.SubnetCIDR, t.Gateway})
		if err := save(record); err != nil {
			return 0, link, err
		}
		r.record.Subnets = record.Subnets
		if err := r.ensureBridge(subnet{t.SubnetCIDR, t.Gateway}); err != nil {
			return 0, link, err
		}
		bridge = r.bridges[t.SubnetCIDR]
	}
	if link, err = r.links.take(t.Task); err != nil {
		return 0, link, err
	}
	r.owners[t.Address] = t.Task
	return bridge, link, nil
}

// release undoes reserve.
func (r *router) release(t TaskNet, link netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.links.give(link)
	delete(r.owners, t.Address)
}
