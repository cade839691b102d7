package network

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

func TestTasksReachEachOther(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	one, two, far := task(1), task(2), inSubnet(task(3), 1)
	a, b, c := attach(t, n, one), attach(t, n, two), attach(t, n, far)
	serve(t, b.NetNS, "two")
	serve(t, c.NetNS, "three")
	wantGet(t, a.NetNS, two.Address, "two to "+one.Address.String())
	wantGet(t, a.NetNS, far.Address, "three to "+one.Address.String())

	for what, addr := range map[string]string{"an address of the VPC that nobody has": "172.31.99.9",
		"the metadata service of the cloud that the host is in": "169.254.169.254"} {
		if _, err := get(a.NetNS, netip.MustParseAddr(addr)); err == nil || !strings.Contains(err.Error(), "no route to host") {
			t.Errorf("%s: %v, want no route to host", what, err)
		}
	}
}

func TestHostReachesTasksByTheirLinkAddresses(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	one, two := task(1), inSubnet(task(2), 1)
	a, b := attach(t, n, one), attach(t, n, two)
	serve(t, a.NetNS, "one")
	serve(t, b.NetNS, "two")
	wantGet(t, hostNS, a.HostAddress, "one to "+one.Gateway.String())
	wantGet(t, hostNS, b.HostAddress, "two to "+two.Gateway.String())
	// As by a public address on AWS, tasks reach each other and themselves.
	wantGet(t, a.NetNS, b.HostAddress, "two to "+two.Gateway.String())
	wantGet(t, a.NetNS, a.HostAddress, "one to "+one.Gateway.String())

	if err := n.Detach(context.Background(), one.Task); err != nil {
		t.Fatal(err)
	}
	if _, err := get(hostNS, a.HostAddress); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a detached task's link address: %v, want connection refused", err)
	}
	if routes := shell(t, "ip", "-4", "route", "show", "table", "all"); strings.Contains(routes, "172.31.") {
		t.Errorf("the host has a route to the VPC:\n%s", routes)
	}
}

func TestNeighboursOfTheHostDoNotReachTasks(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	a := attach(t, n, task(1))
	serve(t, a.NetNS, "one")
	wantGet(t, hostNS, a.HostAddress, "one to "+task(1).Gateway.String())
	routeFromInternet(t, a.HostAddress)
	if got, err := get(internetNS, a.HostAddress); err == nil {
		t.Errorf("a neighbour with a route to the link range was answered %q", got)
	}
}

// routeFromInternet tells the Internet that the host is the way to an address.
func routeFromInternet(t *testing.T, addr netip.Addr) {
	t.Helper()
	err := inside(internetNS, func() error {
		nl, err := newHandle()
		if err != nil {
			return err
		}
		defer nl.Close()
		route := &netlink.Route{Dst: hostNet(addr), Gw: hostUplink.AsSlice()}
		t.Cleanup(func() { _ = inside(internetNS, func() error { return netlink.RouteDel(route) }) })
		return nl.route(route)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTasksReachTheInternet(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	serve(t, internetNS, "internet")
	a := attach(t, n, task(1))
	wantGet(t, a.NetNS, internet, "internet to "+hostUplink.String())
}

func TestAttachTwiceIsAttachOnce(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	first := attach(t, n, task(1))
	if again := attach(t, n, task(1)); again != first {
		t.Errorf("the second Attach returned %v, the first %v", again, first)
	}
	other := task(2)
	other.Task = task(1).Task
	if _, err := n.Attach(context.Background(), other); err == nil {
		t.Error("a task got a second address")
	}
	thief := task(1)
	thief.Task = task(2).Task
	if _, err := n.Attach(context.Background(), thief); err == nil {
		t.Error("two tasks got one address")
	}
	for range 2 {
		if err := n.Detach(context.Background(), task(1).Task); err != nil {
			t.Fatal(err)
		}
	}
	if list := n.List(); len(list) != 0 {
		t.Errorf("after Detach there is %v", list)
	}
	// The kernel takes a while to clear the old namespace and its leg away; the address is usable before.
	serve(t, attach(t, n, thief).NetNS, "thief")
	wantGet(t, attach(t, n, task(3)).NetNS, thief.Address, "thief to "+task(3).Address.String())
}

// A frame that is lost is sent again a second later: a task that starts at once would wait for it.
func TestATaskIsReachableOnceAttached(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	server := attach(t, n, task(4000))
	serve(t, server.NetNS, "server")
	for i := range 60 {
		tk := inSubnet(task(1+i), i%4) // each subnet's bridge comes up with its first task
		a := attach(t, n, tk)
		begin := time.Now()
		wantGet(t, a.NetNS, task(4000).Address, "server to "+tk.Address.String())
		if took := time.Since(begin); took > 900*time.Millisecond {
			t.Errorf("the answer to task %d took %v: a frame was lost", i, took)
		}
	}
}

func TestADetachThatFailsCanBeRepeated(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	first := task(1)
	attach(t, n, first)
	record := n.records.path(first.Task)
	if err := os.Rename(record, record+".kept"); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(record, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := n.Detach(context.Background(), first.Task); err == nil {
		t.Error("a detach that could not remove the task's record succeeded")
	}
	if err := os.RemoveAll(record); err != nil {
		t.Fatal(err)
	}
	if err := n.Detach(context.Background(), first.Task); err != nil {
		t.Fatal(err)
	}
	next := first
	next.Task = task(2).Task
	attach(t, n, next)
}

// What reached an address's last owner has noted its MAC address; the next owner has another.
func TestAnAddressIsReachableAtOnceByItsNextOwner(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	client := attach(t, n, task(3))
	neighbour := attach(t, n, inSubnet(task(4), 1)) // by the router
	first := task(1)
	serve(t, attach(t, n, first).NetNS, "first")
	wantGet(t, client.NetNS, first.Address, "first to "+task(3).Address.String())
	wantGet(t, neighbour.NetNS, first.Address, "first to "+inSubnet(task(4), 1).Address.String())
	if err := n.Detach(context.Background(), first.Task); err != nil {
		t.Fatal(err)
	}
	next := first
	next.Task, next.MAC = task(2).Task, task(2).MAC
	serve(t, attach(t, n, next).NetNS, "next")
	begin := time.Now()
	wantGet(t, client.NetNS, first.Address, "next to "+task(3).Address.String())
	wantGet(t, neighbour.NetNS, first.Address, "next to "+inSubnet(task(4), 1).Address.String())
	if took := time.Since(begin); took > 900*time.Millisecond {
		t.Errorf("the answers took %v", took)
	}
}
