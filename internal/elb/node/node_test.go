package node

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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// ground is one whose addresses are of the machine's loopback network.
type ground struct {
	mu     sync.Mutex
	last   *shaky // listener
	stands map[netip.Addr]bool
	names  map[string][]netip.Addr
	fails  error
}

func newGround() *ground {
	return &ground{stands: map[netip.Addr]bool{}, names: map[string][]netip.Addr{}}
}

func (g *ground) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fails = err
}

func (g *ground) Stand(_ context.Context, _ string, at balancer.Address) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fails == nil {
		g.stands[at.IP] = true
	}
	return g.fails
}

func (g *ground) Leave(_ context.Context, _ string, at balancer.Address) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fails == nil {
		delete(g.stands, at.IP)
	}
	return g.fails
}

func (g *ground) standing() []netip.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []netip.Addr
	for a := range g.stands {
		all = append(all, a)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

func (g *ground) Listen(ctx context.Context, _ string, at netip.AddrPort) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at.String())
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = &shaky{Listener: l}
	return g.last, nil
}

// shaky is a listener that can end by itself.
type shaky struct {
	net.Listener
	gone atomic.Bool
}

func (s *shaky) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil && s.gone.Load() {
		err = io.EOF
	}
	return conn, err
}

// quake ends the last listener.
func (g *ground) quake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last.gone.Store(true)
	g.last.Listener.Close()
}

func (g *ground) ListenPacket(ctx context.Context, _ string, at netip.AddrPort) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(ctx, "udp", at.String())
}

func (g *ground) Dial(ctx context.Context, network, _ string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, to.String())
}

func (g *ground) DialInstance(ctx context.Context, network, _ string, port uint16) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", port))
}

func (g *ground) Name(_, name string, addrs []netip.Addr) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.names[name] = addrs
	return nil
}

func (g *ground) Forget(_, name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.names, name)
	return nil
}

func (g *ground) named(name string) []netip.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.names[name]
}

// hello is a server that answers with the load balancer's name, the place to which the request came and a text.
type hello struct {
	server *http.Server
	mu     sync.Mutex
	text   string
}

func serveHello(b *balancer.Balancer, l *balancer.Listener, _ Groups, _ func(uint16) uint16) (Server, error) {
	h := &hello{}
	h.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		io.WriteString(w, h.text)
	})}
	return h, h.Update(b, l)
}

func (h *hello) Update(b *balancer.Balancer, l *balancer.Listener) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = fmt.Sprintf("%s %s", b.Name, l.Rules[len(l.Rules)-1].Action.Fixed.Body)
	return nil
}

func (h *hello) Serve(l net.Listener, _ balancer.Address) error { return h.server.Serve(l) }

func (h *hello) ServeConn(conn net.Conn, _ balancer.Address) {
	_ = h.server.Serve(&single{conn: conn})
}

func (h *hello) ServePacket(conn net.PacketConn, at func() balancer.Address) error {
	buf := make([]byte, 64)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return err
		}
		conn.WriteTo(append(buf[:n:n], " to "+at().IP.String()...), from)
	}
}

func (h *hello) Shutdown(ctx context.Context) error { return h.server.Shutdown(ctx) }

// single is a listener to which one connection comes.
type single struct {
	conn net.Conn
	once sync.Once
}

func (s *single) Accept() (conn net.Conn, err error) {
	err = io.EOF
	s.once.Do(func() { conn, err = s.conn, nil })
	return conn, err
}

func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }
func (s *single) Close() error   { return nil }

// web is a load balancer at 127.9.0.n with one HTTP listener that says a text.
func web(n int, port uint16, text string) *balancer.Balancer {
	name := fmt.Sprintf("web%d", n)
	return &balancer.Balancer{
		ARN: "arn:" + name, Name: name, DNSName: name + ".us-east-1.elb.localhost", VPC: "vpc-1",
		Addresses: []balancer.Address{{Interface: "eni-1", IP: netip.AddrFrom4([4]byte{127, 9, 0, byte(n)}), Zone: "us-east-1a"}},
		Listeners: []balancer.Listener{{ARN: "arn:" + name + "/l", Port: port, Protocol: balancer.HTTP,
			Rules: []balancer.Rule{{Action: balancer.Action{Fixed: &balancer.Fixed{Status: 200, Body: text}}}}}},
	}
}

// made is a node that is closed after the test.
func made(t *testing.T, g balancer.Ground, hosts Hosts) *Node {
	t.Helper()
	n := New(Config{Ground: g, Serve: serveHello, Loopback: loopbacks, Hosts: hosts})
	t.Cleanup(func() { n.Close() })
	return n
}

// eventually waits until a load balancer's state is as wanted.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func (n *Node) active(arn string) func() bool {
	return func() bool { return n.State(arn).Code == balancer.Active }
}

// read is the answer of a URL's path at an address, by the URL's host name; empty when there is none.
func read(url, at string) string {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if _, port, err := net.SplitHostPort(address); err == nil && at != "" {
			address = net.JoinHostPort(at, port)
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}}
	answer, err := client.Get(url)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return string(body)
}

func TestALoadBalancerIsThereAndOnTheHost(t *testing.T) {
	g := newGround()
	n, port := made(t, g, nil), freePort(t)
	one := web(1, port, "hello")
	n.SetBalancer(one)
	eventually(t, "active", n.active(one.ARN))
	url := n.Published(one.ARN)[0].URL
	if want := fmt.Sprintf("http://%s:%d", one.DNSName, port); url != want {
		t.Errorf("it is published at %q, want %q", url, want)
	}
	if got := read(fmt.Sprintf("http://127.9.0.1:%d", port), ""); got != "web1 hello" {
		t.Errorf("at its address it says %q", got)
	}
	if got := read(url, "127.0.0.1"); got != "web1 hello" {
		t.Errorf("on the host it says %q", got)
	}
	if got := g.named(one.DNSName); len(got) != 1 {
		t.Errorf("its name leads to %v", got)
	}
	n.SetBalancer(web(1, port, "changed"))
	eventually(t, "changed", func() bool { return read(url, "127.0.0.1") == "web1 changed" })

	two := web(2, port, "other")
	n.SetBalancer(two)
	eventually(t, "two active", n.active(two.ARN))
	if got := read(n.Published(two.ARN)[0].URL, "127.0.0.1") + read(url, "127.0.0.1"); got != "web2 otherweb1 changed" {
		t.Errorf("they say %q", got)
	}

	n.RemoveBalancer(one.ARN)
	eventually(t, "one is gone", func() bool { return len(g.standing()) == 1 && g.named(one.DNSName) == nil })
	if got := read(url, "127.0.0.1"); got != "web2 other" {
		t.Errorf("at the same port there is %q", got)
	}
	if got := read(fmt.Sprintf("http://127.9.0.1:%d", port), ""); got != "" {
		t.Errorf("at its address it still says %q", got)
	}
}

func TestALoadBalancerChangesItsAddressesAndListeners(t *testing.T) {
	g := newGround()
	n := made(t, g, nil)
	first, second := freePort(t), freePort(t)
	one := web(1, first, "hello")
	n.SetBalancer(one)
	eventually(t, "active", n.active(one.ARN))

	moved := web(1, second, "moved")
	moved.Addresses = web(3, 0, "").Addresses
	moved.Listeners = append(moved.Listeners, balancer.Listener{ARN: "arn:udp", Port: second, Protocol: balancer.UDP, Rules: moved.Listeners[0].Rules})
	n.SetBalancer(moved)
	eventually(t, "moved", func() bool { return read(fmt.Sprintf("http://127.9.0.3:%d", second), "") == "web1 moved" })
	eventually(t, "named", func() bool {
		return slices.Equal(g.named(one.DNSName), []netip.Addr{moved.Addresses[0].IP}) && len(n.Published(one.ARN)) == 2
	})
	if got := g.standing(); !slices.Equal(got, []netip.Addr{moved.Addresses[0].IP}) {
		t.Errorf("it stands at %v", got)
	}
	for _, old := range []string{fmt.Sprintf("127.9.0.1:%d", first), fmt.Sprintf("127.9.0.3:%d", first), fmt.Sprintf("127.0.0.1:%d", first)} {
		if got := read("http://"+old, ""); got != "" {
			t.Errorf("at %s there is %q", old, got)
		}
	}
	url := n.Published(one.ARN)[1].URL
	if got := askByUDP(t, url, one); got != "ping to 127.9.0.3" {
		t.Errorf("by UDP at %s: %q", url, got)
	}

	both := web(1, second, "moved") // what was published already goes where it stands now
	both.Listeners = moved.Listeners
	both.Addresses = append(both.Addresses, web(4, 0, "").Addresses...)
	n.SetBalancer(both)
	eventually(t, "both are named", func() bool { return len(g.named(one.DNSName)) == 2 })
	got := []string{askByUDP(t, url, one), askByUDP(t, url, one)}
	if slices.Sort(got); !slices.Equal(got, []string{"ping to 127.9.0.1", "ping to 127.9.0.4"}) {
		t.Errorf("by UDP after another move: %q", got)
	}
}

// askByUDP is the answer to a packet that is sent to where a load balancer is published on the host.
func askByUDP(t *testing.T, url string, b *balancer.Balancer) string {
	t.Helper()
	conn, err := net.Dial("udp", strings.Replace(strings.TrimPrefix(url, "udp://"), b.DNSName, "127.0.0.1", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 64)
	k, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer[:k])
}

func TestAGroundThatFailsIsAskedAgain(t *testing.T) {
	g := newGround()
	n := made(t, g, nil)
	g.fail(errors.New("the range is another network's"))
	one := web(1, freePort(t), "hello")
	n.SetBalancer(one)
	eventually(t, "it is told", func() bool {
		s := n.State(one.ARN)
		return s.Code == balancer.Provisioning && strings.Contains(s.Reason, "the range is another network's")
	})
	g.fail(nil)
	eventually(t, "active", n.active(one.ARN))
	g.fail(errors.New("no"))
	n.RemoveBalancer(one.ARN)
	g.fail(nil)
	eventually(t, "gone", func() bool { return len(g.standing()) == 0 })
}

// noted is what programs of the machine would find.
type noted struct {
	mu    sync.Mutex
	names []string
}

func (h *noted) Set(names []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names = names
	return nil
}

func (h *noted) are(names ...string) func() bool {
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.Equal(h.names, names)
	}
}

func TestProgramsOfTheMachineFindLoadBalancers(t *testing.T) {
	hosts := &noted{}
	n := made(t, newGround(), hosts)
	one, two := web(1, freePort(t), ""), web(2, freePort(t), "")
	n.SetBalancer(two)
	n.SetBalancer(one)
	eventually(t, "both are named", hosts.are(one.DNSName, two.DNSName))
	n.RemoveBalancer(one.ARN)
	eventually(t, "one is forgotten", hosts.are(two.DNSName))
}

func TestTheEndOfTheProcessLeavesLoadBalancersStanding(t *testing.T) {
	g := newGround()
	n, port := made(t, g, nil), freePort(t)
	one := web(1, port, "hello")
	n.SetBalancer(one)
	eventually(t, "active", n.active(one.ARN))
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if len(g.standing()) != 1 {
		t.Error("its address is gone")
	}
	if got := read(fmt.Sprintf("http://127.9.0.1:%d", port), "") + read(fmt.Sprintf("http://127.0.0.1:%d", port), ""); got != "" {
		t.Errorf("somebody says %q", got)
	}
	n.SetBalancer(one)
	if n.State("arn:web2").Code != balancer.Provisioning || n.Published("arn:web2") != nil || n.Health("arn:none") != nil {
		t.Error("it knows of what it was never told")
	}
}

func TestGroupsAreUsedWhereTheirLoadBalancersStand(t *testing.T) {
	n := made(t, newGround(), nil)
	told := make(chan string, 64)
	defer n.Watch(func(group string) {
		n.Health(group) // who is told may ask
		told <- group
	})()
	group := &balancer.Group{ARN: "arn:group", Protocol: balancer.HTTP, VPC: "vpc-1", Targets: []balancer.Target{{ID: "127.9.1.1", Port: 1, Zone: "us-east-1a"}},
		Check: balancer.Check{Enabled: true, Protocol: balancer.TCP, Interval: time.Minute, Timeout: time.Second, Healthy: 2, Unhealthy: 2}}
	n.SetGroup(group)
	state := func() balancer.State { return n.Health(group.ARN)[group.Targets[0].Key()].State }
	if state() != balancer.Unused {
		t.Errorf("without a load balancer its target is %s", state())
	}
	one := web(1, freePort(t), "")
	one.Listeners[0].Rules = append([]balancer.Rule{{Action: balancer.Action{Forward: &balancer.Forward{Groups: []balancer.Weighted{{Group: group.ARN, Weight: 1}}}}}}, one.Listeners[0].Rules...)
	n.SetBalancer(one)
	eventually(t, "its target is in use", func() bool { return state() != balancer.Unused })
	if got := <-told; got != group.ARN {
		t.Errorf("of %q was told", got)
	}
	n.RemoveBalancer(one.ARN)
	eventually(t, "its target is unused", func() bool { return state() == balancer.Unused })
	n.RemoveGroup(group.ARN)
	if n.Group(group.ARN) != nil {
		t.Error("a removed group is there")
	}
}

func TestAListenerThatEndsByItselfIsOpenedAgain(t *testing.T) {
	g := newGround()
	n, port := made(t, g, nil), freePort(t)
	n.SetBalancer(web(1, port, "hello"))
	at := fmt.Sprintf("http://127.9.0.1:%d", port)
	for range 3 {
		eventually(t, "it answers", func() bool { return read(at, "") == "web1 hello" })
		g.quake()
	}
	eventually(t, "it answers again", func() bool { return read(at, "") == "web1 hello" })
}

func TestAPortIsLeftToATaskThatAsksForIt(t *testing.T) {
	n, port := made(t, newGround(), nil), freePort(t)
	one, two := web(1, port, "hello"), web(2, port, "other")
	n.SetBalancer(one)
	n.SetBalancer(two)
	eventually(t, "both active", func() bool { return n.active(one.ARN)() && n.active(two.ARN)() })
	if n.Yield(port+1) || !n.Yield(port) || n.Yield(port) {
		t.Error("it left a port that it did not have, or not the one that it had")
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	defer l.Close()
	for _, b := range []*balancer.Balancer{one, two} {
		eventually(t, "published elsewhere", func() bool {
			all := n.Published(b.ARN)
			return len(all) == 1 && !strings.HasSuffix(all[0].URL, fmt.Sprintf(":%d", port)) && strings.HasPrefix(read(all[0].URL, "127.0.0.1"), b.Name)
		})
	}
}

func TestPublishedPortsAreTheSameAfterARestart(t *testing.T) {
	port := freePort(t)
	one, two := web(1, port, ""), web(2, port, "")
	one.Listeners[0].Protocol, two.Listeners[0].Protocol = balancer.TCP, balancer.TCP
	var mu sync.Mutex
	var kept map[string]uint16
	urls := func(order ...*balancer.Balancer) string {
		n := New(Config{Ground: newGround(), Serve: serveHello, Loopback: loopbacks, Before: kept, Keep: func(ports map[string]uint16) error {
			mu.Lock()
			defer mu.Unlock()
			kept = ports
			return nil
		}})
		defer n.Close()
		for _, b := range order {
			n.SetBalancer(b)
			eventually(t, "active", n.active(b.ARN))
		}
		eventually(t, "both are kept", func() bool { mu.Lock(); defer mu.Unlock(); return len(kept) == 2 })
		return n.Published(one.ARN)[0].URL + " " + n.Published(two.ARN)[0].URL
	}
	if was, is := urls(one, two), urls(two, one); was != is {
		t.Errorf("they were at %s, and are at %s", was, is)
	}
}

func TestTheEndOfTheProcessDoesNotWaitForARemovedLoadBalancer(t *testing.T) {
	g := newGround()
	n := made(t, g, nil)
	one := web(1, freePort(t), "hello")
	n.SetBalancer(one)
	eventually(t, "active", n.active(one.ARN))
	g.fail(errors.New("the ground is away"))
	n.RemoveBalancer(one.ARN)
	closed := make(chan error, 1)
	go func() { closed <- n.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		g.fail(nil)
		t.Fatal("it waits")
	}
}

func TestAPublicationThatFailsIsTriedAgain(t *testing.T) {
	n := New(Config{Ground: newGround(), Serve: serveHello, Loopback: []netip.Addr{netip.MustParseAddr("192.0.2.1")}})
	t.Cleanup(func() { n.Close() })
	one := web(1, freePort(t), "hello")
	n.SetBalancer(one)
	eventually(t, "it is told", func() bool {
		all := n.Published(one.ARN)
		return len(all) == 1 && all[0].Err != "" && n.active(one.ARN)()
	})
	n.fronts.mu.Lock()
	n.fronts.addrs = loopbacks
	n.fronts.mu.Unlock()
	eventually(t, "it is published", func() bool {
		all := n.Published(one.ARN)
		return len(all) == 1 && all[0].Err == "" && read(all[0].URL, "127.0.0.1") == "web1 hello"
	})
}
