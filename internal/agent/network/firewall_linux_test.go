package network

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/berth-dev/berth/test/berthtest"
)

func TestTasksReachTheInternetThroughAFirewallThatDrops(t *testing.T) {
	needRoot(t)
	for _, iptables := range []string{"iptables-nft", "iptables-legacy"} {
		t.Run(iptables, func(t *testing.T) {
			berthtest.Tool(t, iptables)
			run := func(args ...string) string { return shell(t, iptables, args...) }
			run("-P", "FORWARD", "DROP") // as ufw and dockerd do
			t.Cleanup(func() { run("-P", "FORWARD", "ACCEPT") })
			n := open(t, instance(t, "aaaa0001"))
			serve(t, internetNS, "internet")
			a := attach(t, n, task(1))
			wantGet(t, a.NetNS, internet, "internet to "+hostUplink.String())

			// ufw reload, and what others put in front.
			run("-F", "FORWARD")
			if _, err := get(a.NetNS, internet); err == nil {
				t.Fatal("the test's firewall does not drop")
			}
			berthtest.Eventually(t, 3*guardPeriod, "the rules are back", func() bool { _, err := get(a.NetNS, internet); return err == nil })

			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			if err := Clean(context.Background(), n.cfg); err != nil {
				t.Fatal(err)
			}
			if rules := run("-S", "FORWARD"); strings.TrimSpace(rules) != "-P FORWARD DROP" {
				t.Errorf("Clean left\n%s", rules)
			}
		})
	}
}

func TestAForeignFirewallThatDropsIsTold(t *testing.T) {
	needRoot(t)
	berthtest.Tool(t, "nft")
	shell(t, "nft", "add table inet corporate; add chain inet corporate forwarding { type filter hook forward priority 0; policy drop; }")
	t.Cleanup(func() { shell(t, "nft", "delete table inet corporate") })
	var log strings.Builder
	cfg := instance(t, "aaaa0001")
	cfg.Log = logTo(&log)
	n := open(t, cfg)
	attach(t, n, task(1))
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "corporate") || !strings.Contains(log.String(), "baaaa0001-*") {
		t.Errorf("the log names neither the chain that drops nor the links:\n%s", log.String())
	}
}

func TestForwardingIsPutBackByTheLastInstance(t *testing.T) {
	one, two := instance(t, "aaaa0001"), instance(t, "bbbb0002")
	for _, cfg := range []Config{one, two} {
		attach(t, open(t, cfg), task(1))
	}
	forwarded := func() string { b, _ := os.ReadFile(ipForward); return strings.TrimSpace(string(b)) }
	for i, want := range []string{"1", "0"} {
		if err := Clean(context.Background(), []Config{one, two}[i]); err != nil {
			t.Fatal(err)
		}
		if got := forwarded(); got != want {
			t.Errorf("after Clean of instance %d ip_forward is %s, want %s", i+1, got, want)
		}
	}
}

func TestTasksReachTheInternetBesideDocker(t *testing.T) {
	needRoot(t)
	berthtest.StartDocker(t)
	if rules := shell(t, "iptables", "-S", "FORWARD"); !strings.Contains(rules, "-P FORWARD DROP") {
		t.Fatalf("this dockerd does not set FORWARD to DROP:\n%s", rules)
	}
	before := strings.Count(shell(t, "iptables", "-S"), "\n")
	shell(t, "sysctl", "-q", "-w", "net.bridge.bridge-nf-call-iptables=1")
	n := open(t, instance(t, "aaaa0001"))
	serve(t, internetNS, "internet")
	a, b := attach(t, n, task(1)), attach(t, n, task(2))
	serve(t, b.NetNS, "two")
	wantGet(t, a.NetNS, internet, "internet to "+hostUplink.String())
	wantGet(t, a.NetNS, task(2).Address, "two to "+task(1).Address.String())
	wantGet(t, hostNS, b.HostAddress, "two to "+task(2).Gateway.String())

	c, d := bridgeContainer(t, n, web(1, 8080)), bridgeContainer(t, n, web(2, 0))
	serve(t, c.NetNS, "bridged")
	wantGet(t, c.NetNS, internet, "internet to "+hostUplink.String())
	getAt(t, internetNS, hostUplink.String()+":8080", "bridged to "+internet.String())
	getAt(t, d.NetNS, c.Address.String()+":80", "bridged to "+d.Address.String())
	getAt(t, d.NetNS, hostUplink.String()+":8080", "bridged to")
	getAt(t, hostNS, "127.0.0.1:8080", "bridged to")

	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Clean(context.Background(), n.cfg); err != nil {
		t.Fatal(err)
	}
	if after := strings.Count(shell(t, "iptables", "-S"), "\n"); after != before {
		t.Errorf("Docker's rules: %d before, %d after Clean", before, after)
	}
	if forward, _ := os.ReadFile(ipForward); strings.TrimSpace(string(forward)) != "1" {
		t.Error("Clean turned off the forwarding that Docker needs")
	}
}
