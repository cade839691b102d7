package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const balancerTestName = "web-1a2b3c4d5e.us-east-1.elb.localhost"

// balancerIn is the load balancer's address in the n-th /20 of the tasks' VPC.
func balancerIn(n int) BalancerNet {
	t := inSubnet(task(200), n)
	return BalancerNet{VPC: t.VPC, VPCCIDR: t.VPCCIDR, SubnetCIDR: t.SubnetCIDR, Gateway: t.Gateway, Address: t.Address}
}

func stand(t testing.TB, n *Network, b BalancerNet) {
	t.Helper()
	if err := n.Stand(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// answerAt has a load balancer answer at its port 80 with text and the address that the request came from.
func answerAt(t testing.TB, n *Network, b BalancerNet, text string) {
	t.Helper()
	l, err := n.Listen(t.Context(), b.VPC, netip.AddrPortFrom(b.Address, 80))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprintf(w, "%s to %s", text, host)
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
}

func TestALoadBalancerStandsInItsVPC(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	near, far := balancerIn(0), balancerIn(1)
	stand(t, n, near) // before any task is here
	stand(t, n, far)
	stand(t, n, near)
	answerAt(t, n, near, "near")
	answerAt(t, n, far, "far")
	a := attach(t, n, task(1))
	wantGet(t, a.NetNS, near.Address, "near to "+task(1).Address.String())
	wantGet(t, a.NetNS, far.Address, "far to "+task(1).Address.String())

	serve(t, a.NetNS, "task")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return n.Dial(ctx, network, near.VPC, near.Address, netip.MustParseAddrPort(address))
	}}}
	response, err := client.Get("http://" + task(1).Address.String() + ":80/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "task to "+near.Address.String() {
		t.Errorf("the load balancer got %q, %v from the task", body, err)
	}

	link, ok := n.LinkAddress(near.VPC, near.Address)
	if !ok {
		t.Fatal("the load balancer has no link address")
	}
	if got, err := get(hostNS, link); err != nil || !strings.HasPrefix(got, "near to ") {
		t.Errorf("the host got %q, %v", got, err)
	}
	if _, err := n.Attach(t.Context(), task(200)); err == nil {
		t.Error("a task got a load balancer's address")
	}
}

func TestContainersOfTheBridgeReachLoadBalancers(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	stand(t, n, balancerIn(0))
	answerAt(t, n, balancerIn(0), "balancer")
	if err := n.Name(task(1).VPC, balancerTestName, []netip.Addr{balancerIn(0).Address}); err != nil {
		t.Fatal(err)
	}
	b := bridgeContainer(t, n, web(1, 0)) // makes the bridge after the name
	addrs := namesOf(t, b.NetNS, b.Resolver, balancerTestName)
	if len(addrs) != 1 {
		t.Fatalf("%s is %v on the bridge", balancerTestName, addrs)
	}
	wantGet(t, b.NetNS, addrs[0], "balancer to "+b.Address.String())
	a := attach(t, n, task(1))
	serve(t, a.NetNS, "task")
	if got, err := get(b.NetNS, a.HostAddress); err == nil {
		t.Errorf("a container of the bridge was answered %q by a task of a VPC", got)
	}
	stand(t, n, balancerIn(1))
	if err := n.Name(task(1).VPC, balancerTestName, []netip.Addr{balancerIn(0).Address, balancerIn(1).Address}); err != nil {
		t.Fatal(err)
	}
	if addrs := namesOf(t, b.NetNS, b.Resolver, balancerTestName); len(addrs) != 2 {
		t.Errorf("%s is %v on the bridge, want two addresses", balancerTestName, addrs)
	}
}

// namesOf asks a resolver for the addresses of a name.
func namesOf(t *testing.T, ns string, resolver netip.Addr, name string) (addrs []netip.Addr) {
	t.Helper()
	for _, rr := range lookupAt(t, ns, resolver, "udp", dns.TypeA, name).Answer {
		addr, _ := netip.AddrFromSlice(rr.(*dns.A).A.To4())
		addrs = append(addrs, addr)
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs
}

func TestTheResolverKnowsLoadBalancers(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	a := attach(t, n, task(1))
	stand(t, n, balancerIn(0))
	stand(t, n, balancerIn(1))
	both := []netip.Addr{balancerIn(0).Address, balancerIn(1).Address}
	if err := n.Name(task(1).VPC, balancerTestName, both); err != nil {
		t.Fatal(err)
	}
	if got := namesOf(t, a.NetNS, task(1).Resolver, strings.ToUpper(balancerTestName)); !slices.Equal(got, both) {
		t.Errorf("it is %v, want %v", got, both)
	}
	if answer := lookup(t, a.NetNS, "udp", dns.TypeAAAA, balancerTestName); answer.Rcode != dns.RcodeSuccess || len(answer.Answer) != 0 {
		t.Errorf("AAAA: %v", answer)
	}
	if err := n.Name(task(1).VPC, balancerTestName, both[:1]); err != nil {
		t.Fatal(err)
	}
	if got := namesOf(t, a.NetNS, task(1).Resolver, balancerTestName); !slices.Equal(got, both[:1]) {
		t.Errorf("it is %v, want %v", got, both[:1])
	}
	for range 2 {
		if err := n.Forget(task(1).VPC, balancerTestName); err != nil {
			t.Fatal(err)
		}
	}
	if got := namesOf(t, a.NetNS, task(1).Resolver, balancerTestName); len(got) != 0 {
		t.Errorf("a forgotten name is %v", got)
	}
	if err := n.Name("vpc-2222222222222222", balancerTestName, nil); err == nil {
		t.Error("a VPC that is not here took a name")
	}
}

func TestALoadBalancerLeaves(t *testing.T) {
	needRoot(t)
	before := hostState(t)
	cfg := instance(t, "aaaa0001")
	n := open(t, cfg)
	b := balancerIn(0)
	stand(t, n, b)
	link, _ := n.LinkAddress(b.VPC, b.Address)
	for range 2 {
		if err := n.Leave(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if addrs := bridgeAddresses(t, n, b); strings.Contains(addrs, b.Address.String()) {
		t.Errorf("after Leave the bridge has\n%s", addrs)
	}
	if rules := shell(t, "nft", "list", "ruleset"); strings.Contains(rules, link.String()) {
		t.Errorf("after Leave there is\n%s", rules)
	}
	if _, err := n.Listen(t.Context(), b.VPC, netip.AddrPortFrom(b.Address, 80)); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("Listen at an address that has left: %v", err)
	}
	attach(t, n, task(200)) // the address is free for a task
	stand(t, n, balancerIn(1))
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Clean(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	if after := hostState(t); after != before {
		t.Errorf("Clean left more than there was:\n%s\nbefore:\n%s", after, before)
	}
}

// bridgeAddresses are what a subnet's bridge has.
func bridgeAddresses(t *testing.T, n *Network, b BalancerNet) string {
	t.Helper()
	return shell(t, "nsenter", "--net="+n.namespace(b.VPC), "ip", "-4", "addr", "show", "dev", bridgeName(b.SubnetCIDR))
}

func TestARestartTakesAwayWhatNobodyWantsAnyMore(t *testing.T) {
	cfg := instance(t, "aaaa0001")
	first, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	kept, gone := balancerIn(0), balancerIn(1)
	stand(t, first, kept)
	stand(t, first, gone)
	a := attach(t, first, task(1))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, cfg)
	stand(t, second, kept)
	answerAt(t, second, kept, "again")
	wantGet(t, a.NetNS, kept.Address, "again to "+task(1).Address.String())
	if link, _ := second.LinkAddress(kept.VPC, kept.Address); link == a.HostAddress {
		t.Errorf("the load balancer has the link address %s of an adopted task", link)
	}
	if addrs := bridgeAddresses(t, second, gone); strings.Contains(addrs, gone.Address.String()) {
		t.Errorf("what an earlier process had stand there is still there:\n%s", addrs)
	}
}

func TestALoadBalancerDials(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	b := balancerIn(0)
	stand(t, n, b)
	a := attach(t, n, task(1))
	dial := func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
		conn, err := n.Dial(ctx, network, b.VPC, b.Address, to)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
		}
		return conn, err
	}
	closed := netip.AddrPortFrom(task(1).Address, 81)
	if _, err := dial(t.Context(), "tcp", closed); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a port at which nobody listens: %v", err)
	}
	if _, err := dial(t.Context(), "tcp", netip.MustParseAddrPort("[::1]:80")); err == nil {
		t.Error("it dialed an IPv6 address")
	}
	if _, err := n.Dial(t.Context(), "tcp", b.VPC, task(1).Address, closed); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("from an address that is no load balancer's: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := dial(ctx, "tcp", netip.AddrPortFrom(internet, 9)); err == nil || time.Since(begin) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}
	var echo net.PacketConn
	if err := inside(a.NetNS, func() (err error) { echo, err = net.ListenPacket("udp4", ":53"); return err }); err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	conn, err := dial(t.Context(), "udp", netip.AddrPortFrom(task(1).Address, 53))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if k, from, err := echo.ReadFrom(buf); err != nil || string(buf[:k]) != "ping" || !strings.HasPrefix(from.String(), b.Address.String()+":") {
		t.Errorf("the task got %q from %v, %v", buf[:k], from, err)
	}
}

func TestBalancerNetIsValidated(t *testing.T) {
	for what, spoil := range map[string]func(*BalancerNet){
		"a VPC of no such name":                func(b *BalancerNet) { b.VPC = "vpc-../x" },
		"the bridge":                           func(b *BalancerNet) { b.VPC = bridgeID },
		"no range":                             func(b *BalancerNet) { b.VPCCIDR = netip.Prefix{} },
		"a subnet of another VPC":              func(b *BalancerNet) { b.SubnetCIDR = netip.MustParsePrefix("10.0.0.0/20") },
		"an address of another subnet":         func(b *BalancerNet) { b.Address = balancerIn(1).Address },
		"the gateway's address":                func(b *BalancerNet) { b.Address = b.Gateway },
		"a gateway that is elsewhere":          func(b *BalancerNet) { b.Gateway = balancerIn(1).Gateway },
		"a subnet that is larger than its VPC": func(b *BalancerNet) { b.SubnetCIDR = netip.MustParsePrefix("172.16.0.0/12") },
	} {
		b := balancerIn(0)
		if err := b.Validate(); err != nil {
			t.Fatal(err)
		}
		if spoil(&b); b.Validate() == nil {
			t.Errorf("%s: %+v is valid", what, b)
		}
	}
}

func BenchmarkDialFromALoadBalancer(b *testing.B) {
	n := open(b, instance(b, "aaaa0001"))
	lb := balancerIn(0)
	stand(b, n, lb)
	answerAt(b, n, lb, "balancer")
	for b.Loop() {
		conn, err := n.Dial(b.Context(), "tcp", lb.VPC, lb.Address, netip.AddrPortFrom(lb.Address, 80))
		if err != nil {
			b.Fatal(err)
		}
		conn.Close()
	}
}
