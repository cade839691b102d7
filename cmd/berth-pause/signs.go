//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
)

// signMark is what the lines of load balancers in /etc/hosts end in.
const signMark = " # load balancer"

// signProtocol marks the routes to them: a number that nobody has.
const signProtocol = 176

// put has load balancers found, and no others: by lines of /etc/hosts, which the containers that join the namespace share, and
// by routes.
func put(signs []carrier.Sign) error {
	return errors.Join(route(signs), rewrite("/etc/hosts", func(text []byte) []byte { return named(text, signs) }))
}

// named is a hosts file with the load balancers' names, and no others'. What somebody else wrote stays.
func named(text []byte, signs []carrier.Sign) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		if !strings.HasSuffix(strings.TrimRight(string(line), "\n"), signMark) {
			out.Write(line)
		}
	}
	if n := out.Len(); len(signs) > 0 && n > 0 && out.Bytes()[n-1] != '\n' {
		out.WriteByte('\n')
	}
	for _, s := range signs {
		for _, a := range s.Addresses {
			fmt.Fprintf(&out, "%s %s%s\n", a, s.Name, signMark)
		}
	}
	return out.Bytes()
}

// rewrite edits a file in its place: it is mounted. It is never empty in between, as it would be if it were cut first.
func rewrite(path string, edit func([]byte) []byte) error {
	was, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	is := edit(was)
	if bytes.Equal(is, was) {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(is, 0)
	if err == nil {
		err = f.Truncate(int64(len(is)))
	}
	return errors.Join(err, f.Close())
}

// route has each address reached by way of the neighbour who has it.
func route(signs []carrier.Sign) error {
	eth0, err := netlink.LinkByName("eth0")
	if err != nil {
		return fmt.Errorf("find eth0: %w", err)
	}
	had, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: signProtocol}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return fmt.Errorf("list the routes to load balancers: %w", err)
	}
	via := map[netip.Addr]netip.Addr{}
	for _, s := range signs {
		for _, a := range s.Addresses {
			via[a] = s.Via
		}
	}
	var errs []error
	for _, r := range had {
		to, _ := netip.AddrFromSlice(r.Dst.IP)
		if _, wanted := via[to.Unmap()]; wanted {
			continue
		}
		if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("remove the route to %s: %w", to, err))
		}
	}
	for to, by := range via {
		err := netlink.RouteReplace(&netlink.Route{LinkIndex: eth0.Attrs().Index, Protocol: signProtocol, Gw: by.AsSlice(),
			Dst: &net.IPNet{IP: to.AsSlice(), Mask: net.CIDRMask(to.BitLen(), to.BitLen())}})
		if err != nil {
			errs = append(errs, fmt.Errorf("reach %s by %s: %w", to, by, err))
		}
	}
	return errors.Join(errs...)
}
