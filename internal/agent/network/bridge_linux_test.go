package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/test/berthtest"
)

// web is a container of the n-th task that publishes port 80 on the host's.
func web(n int, host uint16) ContainerNet {
	return ContainerNet{Task: fmt.Sprintf("%032x", n), Container: "web",
		Ports: []PortMapping{{Container: PortRange{80, 80}, Host: host, Protocol: "tcp"}}}
}

func bridgeContainer(t testing.TB, n *Network, c ContainerNet) Bridged {
	t.Helper()
	b, err := n.Bridge(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unbridge(t testing.TB, n *Network, c ContainerNet) {
	t.Helper()
	if err := n.Unbridge(context.Background(), c.Task); err != nil {
		t.Fatal(err)
	}
}

// getAt is get at a port.
func getAt(t testing.TB, ns, address, want string) {
	t.Helper()
	got, err := fetch(ns, address)
	if err != nil {
		t.Errorf("GET %s: %v", address, err)
	} else if !strings.HasPrefix(got, want) {
		t.Errorf("GET %s answered %q, want %q", address, got, want)
	}
}

func TestPublishedPortsAreReachedFromEverywhere(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	a, b := bridgeContainer(t, n, web(1, 8080)), bridgeContainer(t, n, web(2, 0))
	serve(t, a.NetNS, "one")
	serve(t, b.NetNS, "two")
	dynamic := b.Ports[0].Host.First
	if span := localPorts(); dynamic < span.First || dynamic > span.Last {
		t.Errorf("the port that was chosen is %d, outside %s", dynamic, span)
	}
	uplink := hostUplink.String()
	getAt(t, hostNS, "127.0.0.1:8080", "one to")
	getAt(t, hostNS, uplink+":8080", "one to "+uplink)
	getAt(t, hostNS, fmt.Sprintf("127.0.0.1:%d", dynamic), "two to")
	getAt(t, internetNS, uplink+":8080", "one to "+internet.String()) // the client's address is told
	getAt(t, b.NetNS, uplink+":8080", "one to")
	getAt(t, a.NetNS, uplink+":8080", "one to") // by the host to itself
	getAt(t, b.NetNS, a.Gateway.String()+":8080", "one to")
	getAt(t, b.NetNS, a.Address.String()+":80", "one to "+b.Address.String())
	getAt(t, hostNS, a.Address.String()+":80", "one to")
	getAt(t, attach(t, n, task(1)).NetNS, uplink+":8080", "one to") // from a task of a VPC

	unbridge(t, n, web(1, 8080))
	if _, err := fetch(hostNS, "127.0.0.1:8080"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a port that is published no longer: %v, want connection refused", err)
	}
	getAt(t, hostNS, fmt.Sprintf("127.0.0.1:%d", dynamic), "two to")
}

func TestBridgedContainersReachTheInternetAndTheHost(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	serve(t, internetNS, "internet")
	serveAt(t, hostNS, ":8125", "host")
	a := bridgeContainer(t, n, web(1, 0))
	wantGet(t, a.NetNS, internet, "internet to "+hostUplink.String())
	getAt(t, a.NetNS, hostUplink.String()+":8125", "host to "+a.Address.String())
	getAt(t, a.NetNS, a.Gateway.String()+":8125", "host to "+a.Address.String()) // as in Docker
}

func TestUDPIsPublished(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	c := ContainerNet{Task: fmt.Sprintf("%032x", 1), Container: "dns", Ports: []PortMapping{{Container: PortRange{53, 53}, Host: 5353, Protocol: "udp"}}}
	client := dialUDP(t, internetNS, hostUplink.String()+":5353")
	for _, text := range []string{"first", "second"} { // the client's conversation goes on with the port's next owner
		b := bridgeContainer(t, n, c)
		echo(t, b.NetNS, ":53", text)
		if got := ask(t, client); got != text {
			t.Errorf("answered %q, want %q", got, text)
		}
		if got := ask(t, dialUDP(t, hostNS, "127.0.0.1:5353")); got != text {
			t.Errorf("on loopback: %q, want %q", got, text)
		}
		unbridge(t, n, c)
	}
}

// echo answers each packet with text.
func echo(t testing.TB, ns, address, text string) {
	t.Helper()
	var conn net.PacketConn
	if err := inside(ns, func() (err error) { conn, err = net.ListenPacket("udp4", address); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			_, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo([]byte(text), from)
		}
	}()
}

func dialUDP(t testing.TB, ns, address string) (conn net.Conn) {
	t.Helper()
	if err := inside(ns, func() (err error) { conn, err = net.Dial("udp4", address); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// ask sends until it is answered.
func ask(t testing.TB, conn net.Conn) string {
	t.Helper()
	buf := make([]byte, 512)
	for range 20 {
		_, _ = conn.Write([]byte("?"))
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if size, err := conn.Read(buf); err == nil {
			return string(buf[:size])
		}
	}
	return ""
}

func TestARangeOfPortsIsPublished(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	c := ContainerNet{Task: fmt.Sprintf("%032x", 1), Container: "media", Ports: []PortMapping{
		{Container: PortRange{7000, 7599}, Protocol: "tcp"}, {Container: PortRange{7000, 7099}, Protocol: "udp"}}}
	b := bridgeContainer(t, n, c)
	tcp, udp := b.Ports[0].Host, b.Ports[1].Host
	if tcp.Count() != 600 || udp.Count() != 100 {
		t.Fatalf("published %s and %s", tcp, udp)
	}
	serveAt(t, b.NetNS, ":7000", "first")
	serveAt(t, b.NetNS, ":7599", "last")
	getAt(t, hostNS, fmt.Sprintf("127.0.0.1:%d", tcp.First), "first to")
	getAt(t, hostNS, fmt.Sprintf("%s:%d", hostUplink, tcp.Last), "last to")
}

func TestPortsDoNotClash(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	bridgeContainer(t, n, web(1, 8080))
	_, err := n.Bridge(context.Background(), web(2, 8080))
	var taken *PortError
	if !errors.As(err, &taken) || taken.Error() != "Bind for 0.0.0.0:8080 failed: port is already allocated" {
		t.Errorf("a port of another container's: %v", err)
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:8090")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, err := n.Bridge(context.Background(), web(3, 8090)); !errors.As(err, &taken) || taken.Port != 8090 {
		t.Errorf("a port of a program on the host: %v", err)
	}
	if _, err := net.Listen("tcp4", ":8080"); err == nil {
		t.Error("a program got a port that is published")
	}
	// What is left of a failure is nothing: the next one gets all it wants.
	ln.Close()
	bridgeContainer(t, n, web(3, 8090))
	if tasks := n.BridgedTasks(); len(tasks) != 2 {
		t.Errorf("there are %v", tasks)
	}
	span := PortRange{41000, 41003}
	n.ports.span, n.ports.reserved = func() PortRange { return span }, map[uint16]bool{41001: true}
	got := map[uint16]bool{}
	for i := range 3 {
		got[bridgeContainer(t, n, web(10+i, 0)).Ports[0].Host.First] = true
	}
	if len(got) != 3 || got[41001] {
		t.Errorf("free ports were %v", got)
	}
	if _, err := n.Bridge(context.Background(), web(20, 0)); !errors.As(err, &taken) || taken.Port != 0 {
		t.Errorf("when none is left: %v", err)
	}
}

func TestTheHostsLoopbackAddressesAreItsOwn(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	a := bridgeContainer(t, n, web(1, 8080))
	serveAt(t, hostNS, "127.0.0.1:4566", "api")
	for _, address := range []string{"127.0.0.1:4566", a.Gateway.String() + ":4566", hostUplink.String() + ":4566"} {
		if got, err := fetch(a.NetNS, address); err == nil {
			t.Errorf("%s answered a container %q", address, got)
		}
	}
	// A container that may change its own routes.
	shell(t, "nsenter", "--net="+a.NetNS, "ip", "route", "del", "local", "127.0.0.0/8", "dev", "lo", "table", "local")
	shell(t, "nsenter", "--net="+a.NetNS, "ip", "route", "del", "local", "127.0.0.1", "dev", "lo", "table", "local")
	shell(t, "nsenter", "--net="+a.NetNS, "ip", "route", "add", "127.0.0.0/8", "via", a.Gateway.String())
	if got, err := fetch(a.NetNS, "127.0.0.1:4566"); err == nil {
		t.Errorf("the host's loopback address answered a container %q", got)
	}
	if got, err := fetch(a.NetNS, "169.254.169.254:80"); err == nil || !strings.Contains(err.Error(), "no route") {
		t.Errorf("the metadata service of the cloud that the host is in: %q, %v", got, err)
	}
}

func TestNeighboursReachPublishedPortsAlone(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	a := bridgeContainer(t, n, web(1, 8080))
	serve(t, a.NetNS, "one")
	routeFromInternet(t, a.Address)
	if got, err := fetch(internetNS, a.Address.String()+":80"); err == nil {
		t.Errorf("a neighbour with a route to the bridge was answered %q", got)
	}
	getAt(t, internetNS, hostUplink.String()+":8080", "one to")
}

func TestADisabledNetworkIsLoopbackAlone(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	b := bridgeContainer(t, n, ContainerNet{Task: fmt.Sprintf("%032x", 1), Container: "alone", Disabled: true})
	if b.Address.IsValid() || b.Gateway.IsValid() {
		t.Errorf("it has %+v", b)
	}
	serve(t, b.NetNS, "alone")
	wantGet(t, b.NetNS, netip.MustParseAddr("127.0.0.1"), "alone to 127.0.0.1")
	if got, err := get(b.NetNS, internet); err == nil {
		t.Errorf("it reached %q", got)
	}
}

// The table is made anew when a VPC comes and when somebody has flushed it, at any moment of the making or the end of a
// container's network.
func TestPublishedPortsAreKeptWhenTheTableIsMadeAnew(t *testing.T) {
	n := open(t, instance(t, "aaaa0001"))
	a := bridgeContainer(t, n, web(1, 8080))
	serve(t, a.NetNS, "one")
	anew := func() {
		t.Helper()
		n.mu.Lock()
		defer n.mu.Unlock()
		if err := n.rules.replace(n.hostFacts()); err != nil {
			t.Fatal(err)
		}
	}
	n.mu.Lock()
	record := n.bridged[web(1, 8080).key()]
	delete(n.bridged, web(1, 8080).key()) // as it is until Bridge returns
	n.mu.Unlock()
	anew()
	getAt(t, hostNS, "127.0.0.1:8080", "one to")

	n.mu.Lock()
	n.bridged[web(1, 8080).key()] = record
	n.mu.Unlock()
	if err := n.rules.withdraw(a.Address, a.Ports); err != nil { // as Unbridge does, before it forgets the container
		t.Fatal(err)
	}
	anew()
	if got, err := fetch(hostNS, "127.0.0.1:8080"); err == nil {
		t.Errorf("a port that was withdrawn is published again: %q", got)
	}
	unbridge(t, n, web(1, 8080))

	shell(t, "nft", "flush", "ruleset")
	b := bridgeContainer(t, n, web(2, 8080)) // before anybody has seen that
	serve(t, b.NetNS, "two")
	getAt(t, hostNS, "127.0.0.1:8080", "two to")
}

func TestTheBridgeIsTakenOver(t *testing.T) {
	before := hostState(t)
	cfg := instance(t, "aaaa0001")
	first, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a := bridgeContainer(t, first, web(1, 8080))
	b := bridgeContainer(t, first, web(2, 0))
	serve(t, a.NetNS, "one")
	serve(t, b.NetNS, "two")
	if again := bridgeContainer(t, first, web(1, 8080)); again.NetNS != a.NetNS {
		t.Errorf("the second Bridge returned %v, the first %v", again, a)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	getAt(t, hostNS, "127.0.0.1:8080", "one to") // without an agent
	second, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if again := bridgeContainer(t, second, web(2, 0)); fmt.Sprint(again) != fmt.Sprint(b) {
		t.Errorf("after a restart it is %v, was %v", again, b)
	}
	getAt(t, hostNS, "127.0.0.1:8080", "one to")
	getAt(t, hostNS, fmt.Sprintf("127.0.0.1:%d", b.Ports[0].Host.First), "two to")
	if _, err := second.Bridge(context.Background(), web(3, 8080)); err == nil {
		t.Error("a port that the earlier process has published was given again")
	}
	if c := bridgeContainer(t, second, web(4, 0)); c.Address == a.Address || c.Address == b.Address {
		t.Errorf("address %s was given again", c.Address)
	}
	shell(t, "nft", "flush", "ruleset")
	berthtest.Eventually(t, 10*time.Second, "the rules are back", func() bool {
		_, err := fetch(hostNS, "127.0.0.1:8080")
		return err == nil
	})
	for i := range 4 {
		unbridge(t, second, web(i+1, 0))
	}
	if left := second.BridgedTasks(); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Clean(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(cfg.RunDir)
	if after := hostState(t); after != before {
		t.Errorf("Clean left more than there was:\n%s\nbefore:\n%s", after, before)
	}
}
