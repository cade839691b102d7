package network

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// inVPC gives the task of the same addresses to another VPC.
func inVPC(t TaskNet, vpc string) TaskNet {
	t.VPC = vpc
	t.Task = vpc[len(vpcPrefix):] + t.Task[16:]
	return t
}

func TestOverlappingVPCs(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	here, there := task(1), inVPC(task(1), "vpc-1111111111111111")
	a, b := attach(t, n, here), attach(t, n, there)
	neighbour := attach(t, n, inVPC(task(2), "vpc-1111111111111111"))
	serve(t, a.NetNS, "here")
	serve(t, b.NetNS, "there")
	wantGet(t, hostNS, a.HostAddress, "here to 172.31.0.1")
	wantGet(t, hostNS, b.HostAddress, "there to 172.31.0.1")
	wantGet(t, neighbour.NetNS, here.Address, "there to "+task(2).Address.String())
	if got, err := get(neighbour.NetNS, a.HostAddress); err == nil {
		t.Errorf("a task of another VPC was answered %q", got)
	}
}

func TestAVPCMayOverlapTheHostsNetworks(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	overlapping := task(1) // whose subnet is where the host has its uplink
	overlapping.VPC, overlapping.VPCCIDR = "vpc-2222222222222222", netip.MustParsePrefix("192.0.0.0/16")
	overlapping.SubnetCIDR, overlapping.Gateway = netip.MustParsePrefix("192.0.2.0/24"), netip.MustParseAddr("192.0.2.1")
	overlapping.Address, overlapping.Resolver = netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.0.2")
	a := attach(t, n, overlapping)
	serve(t, a.NetNS, "task")
	serve(t, hostNS, "host")
	wantGet(t, hostNS, a.HostAddress, "task to 192.0.2.1")
	wantGet(t, hostNS, netip.MustParseAddr("127.0.0.1"), "host to 127.0.0.1")
	wantGet(t, internetNS, hostUplink, "host to "+internet.String())
}

func TestTwoInstancesSideBySide(t *testing.T) {
	needRoot(t)
	before := hostState(t)
	oneConfig, twoConfig := instance(t, "aaaa0001"), instance(t, "bbbb0002")
	one, two := open(t, oneConfig), open(t, twoConfig)
	a, b := attach(t, one, task(1)), attach(t, two, task(1))
	serve(t, a.NetNS, "one")
	serve(t, b.NetNS, "two")
	serve(t, internetNS, "internet")
	wantGet(t, hostNS, a.HostAddress, "one to 172.31.0.1")
	wantGet(t, hostNS, b.HostAddress, "two to 172.31.0.1")
	if got, err := get(a.NetNS, b.HostAddress); err == nil {
		t.Errorf("a task of another instance was answered %q", got)
	}

	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Clean(context.Background(), oneConfig); err != nil {
		t.Fatal(err)
	}
	wantGet(t, hostNS, b.HostAddress, "two to 172.31.0.1")
	wantGet(t, b.NetNS, internet, "internet to "+hostUplink.String())
	if state := hostState(t); strings.Contains(state, "aaaa0001") {
		t.Errorf("Clean of the first left\n%s", state)
	}
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Clean(context.Background(), twoConfig); err != nil {
		t.Fatal(err)
	}
	if after := hostState(t); after != before {
		t.Errorf("Clean left more than there was:\n%s\nbefore:\n%s", after, before)
	}
}

func TestARestartedAgentAdoptsItsTasks(t *testing.T) {
	cfg := instance(t, "aaaa0001")
	first, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a, b := attach(t, first, task(1)), attach(t, first, inSubnet(task(2), 1))
	serve(t, a.NetNS, "one")
	wantGet(t, hostNS, a.HostAddress, "one to 172.31.0.1")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wantGet(t, hostNS, a.HostAddress, "one to 172.31.0.1") // without any agent

	second := open(t, cfg)
	if list := second.List(); len(list) != 2 || list[0] != task(1) {
		t.Fatalf("adopted %v", list)
	}
	wantGet(t, hostNS, a.HostAddress, "one to 172.31.0.1")
	if again := attach(t, second, task(1)); again != a {
		t.Errorf("Attach of an adopted task returned %v, it has %v", again, a)
	}
	c := attach(t, second, task(3))
	if c.HostAddress == a.HostAddress || c.HostAddress == b.HostAddress {
		t.Errorf("a new task got the link address %s of an adopted one", c.HostAddress)
	}
	wantGet(t, c.NetNS, task(1).Address, "one to "+task(3).Address.String())
	if answer := lookup(t, c.NetNS, "udp", 1, task(1).DNSName); len(answer.Answer) != 1 {
		t.Errorf("the resolver does not know an adopted task: %v", answer)
	}
	if err := second.Detach(context.Background(), task(2).Task); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(b.NetNS); err == nil {
		t.Error("the namespace of an adopted task is there after Detach")
	}
}

func TestAnUnoccupiedVPCGetsAnotherRangeWhenTheHostUsesIt(t *testing.T) {
	cfg := instance(t, "aaaa0001")
	n := open(t, cfg)
	a := attach(t, n, task(1))
	lan := netip.PrefixFrom(a.HostAddress, 24).Masked()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	shell(t, "ip", "route", "add", lan.String(), "via", internet.String())
	t.Cleanup(func() { shell(t, "ip", "route", "del", lan.String(), "via", internet.String()) })

	n = open(t, cfg) // the task is there: its address stays
	if again := attach(t, n, task(1)); again != a {
		t.Errorf("the task's link address went from %s to %s", a.HostAddress, again.HostAddress)
	}
	if err := n.Detach(context.Background(), task(1).Task); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = open(t, cfg)
	a = attach(t, n, task(1))
	if lan.Contains(a.HostAddress) {
		t.Errorf("link address %s lies in the host's network %s", a.HostAddress, lan)
	}
	serve(t, a.NetNS, "moved")
	wantGet(t, hostNS, a.HostAddress, "moved to 172.31.0.1")
}

func TestNewRefusesADamagedRecord(t *testing.T) {
	cfg := instance(t, "aaaa0001")
	dir := filepath.Join(cfg.RunDir, "network")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "vpc-1.json"), []byte(`{"VPC":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := New(cfg); err == nil || !strings.Contains(err.Error(), "vpc-1.json") {
		t.Errorf("New returned %v, %v", n, err)
	}
}
