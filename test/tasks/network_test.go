package tasks

import (
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/test/berthtest"
)

// named is a container that serves on a port, where it says its name; it logs that it does.
func named(name, port string) types.ContainerDefinition {
	c := logged(container(name, "serve", port))
	c.Environment = []types.KeyValuePair{{Name: aws.String("NAME"), Value: aws.String(name)}}
	return c
}

// serving waits until the containers of a task, which are all named, listen.
func (w *world) serving(task types.Task) {
	w.t.Helper()
	for _, c := range task.Containers {
		w.printed(task, aws.ToString(c.Name), 1)
	}
}

// TestWhatATaskReaches looks at the network from inside tasks, and at tasks from the host.
func TestWhatATaskReaches(t *testing.T) {
	internet(t)
	w := start(t)
	two := fargate(named("one", "8080"), named("two", "8081"))
	two.Family = aws.String("two")
	in := w.request(two)
	pair := w.until("RUNNING", w.run(in)[0])
	in.NetworkConfiguration.AwsvpcConfiguration.Subnets = w.subnets[1:2]
	far := w.until("RUNNING", w.run(in)[0])
	private := onEC2(types.NetworkModeAwsvpc, named("three", "8080"))
	private.Family = aws.String("private")
	third := w.one(private, "RUNNING")
	at := w.publicIP(pair)
	for _, task := range []types.Task{pair, far, third} {
		w.serving(task)
	}

	t.Run("its containers share localhost", func(t *testing.T) {
		w := w.in(t)
		if got := w.ask(at+":8080", "fetch", "url", "http://localhost:8081/name"); got != "two" {
			t.Errorf("one asks two: %q", got)
		}
		if got := w.ask(at+":8081", "fetch", "url", "http://127.0.0.1:8080/name"); got != "one" {
			t.Errorf("two asks one: %q", got)
		}
	})
	t.Run("another task, by its address and by its name", func(t *testing.T) {
		w := w.in(t)
		for _, other := range []types.Task{far, third} {
			for _, detailed := range []string{"privateIPv4Address", "privateDnsName"} {
				place := detail(other, detailed)
				got := w.ask(at+":8080", "fetch", "url", "http://"+place+":8080/name")
				if want := aws.ToString(other.Containers[0].Name); got != want && got != aws.ToString(other.Containers[1].Name) {
					t.Errorf("%s %s answers %q, want %q", detailed, place, got, want)
				}
			}
		}
		if got := w.ask(at+":8080", "fetch", "url", "http://"+w.publicIP(far)+":8081/name"); got != "two" {
			t.Errorf("by its public address it answers %q", got)
		}
	})
	t.Run("itself, by its own address", func(t *testing.T) {
		w := w.in(t)
		for _, place := range []string{detail(pair, "privateIPv4Address"), detail(pair, "privateDnsName"), w.publicIP(pair)} {
			if got := w.ask(at+":8080", "fetch", "url", "http://"+place+":8081/name"); got != "two" {
				t.Errorf("%s answers %q", place, got)
			}
		}
	})
	t.Run("names", func(t *testing.T) {
		w := w.in(t)
		for name, want := range map[string]string{
			internetName:                   berthtest.InternetAddr,
			detail(far, "privateDnsName"):  detail(far, "privateIPv4Address"),
			detail(pair, "privateDnsName"): detail(pair, "privateIPv4Address"),
			"localhost":                    "127.0.0.1",
			strings.Split(detail(far, "privateDnsName"), ".")[0]: detail(far, "privateIPv4Address"), // by the search domain
		} {
			if got := w.ask(at+":8080", "lookup", "name", name); !slices.Contains(strings.Fields(got), want) {
				t.Errorf("%s is %q, want %s", name, got, want)
			}
		}
		if got, err := tryAsk(t.Context(), at+":8080", "lookup", "name", "nowhere.example"); err == nil || !strings.Contains(err.Error(), "no such host") {
			t.Errorf("a name that is nobody's: %q, %v", got, err)
		}
		if got := w.ask(at+":8080", "file", "name", "/etc/resolv.conf"); !strings.Contains(got, "nameserver 172.31.0.2\n") || strings.Contains(got, berthtest.ResolverAddr) {
			t.Errorf("its resolv.conf is %q", got)
		}
	})
	t.Run("the Internet", func(t *testing.T) {
		w := w.in(t)
		if got, want := w.ask(at+":8080", "fetch", "url", "http://"+internetName+"/"), "the Internet to "+berthtest.HostAddr; got != want {
			t.Errorf("it answers %q, want %q", got, want)
		}
	})
	t.Run("the machine", func(t *testing.T) {
		w := w.in(t)
		l, err := net.Listen("tcp4", ":0")
		if err != nil {
			t.Fatal(err)
		}
		serveAsker(t, l, "the machine")
		_, port, _ := net.SplitHostPort(l.Addr().String())
		for _, place := range []string{berthtest.HostAddr, linkOf(t, at)} {
			if got := w.ask(at+":8080", "fetch", "url", "http://"+net.JoinHostPort(place, port)+"/"); !strings.HasPrefix(got, "the machine to ") {
				t.Errorf("%s answers %q", place, got)
			}
		}
	})
	t.Run("but not what listens on the machine's loopback", func(t *testing.T) {
		w := w.in(t)
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(w.Endpoint, "http://"))
		for _, place := range []string{berthtest.HostAddr, linkOf(t, at), "127.0.0.1"} {
			if got, err := tryAsk(t.Context(), at+":8080", "fetch", "url", "http://"+net.JoinHostPort(place, port)+"/_berth/health"); err == nil || !strings.Contains(err.Error(), "connection refused") {
				t.Errorf("Berth's port on %s: %q, %v; want it refused", place, got, err)
			}
		}
	})
	t.Run("nobody on the Internet reaches it", func(t *testing.T) {
		for _, place := range []string{at, detail(pair, "privateIPv4Address")} {
			err := berthtest.Inside(berthtest.Internet, func() error {
				if out, err := exec.Command("ip", "route", "replace", place, "via", berthtest.HostAddr).CombinedOutput(); err != nil {
					t.Fatalf("ip route: %v: %s", err, out)
				}
				conn, err := net.DialTimeout("tcp4", place+":8080", 300*time.Millisecond)
				if err == nil {
					conn.Close()
				}
				return err
			})
			if err == nil {
				t.Errorf("%s answers the Internet", place)
			}
		}
	})
}

// linkOf is the machine's own end of the link by which it reaches an address.
func linkOf(t *testing.T, address string) string {
	t.Helper()
	out, err := exec.Command("ip", "-4", "route", "get", address).CombinedOutput()
	if err != nil {
		t.Fatalf("ip route get: %v: %s", err, out)
	}
	_, after, _ := strings.Cut(string(out), " src ")
	source, err := netip.ParseAddr(strings.Fields(after + " ?")[0])
	if err != nil {
		t.Fatalf("the way to %s is %s", address, out)
	}
	return source.String()
}

// TestNetworkModes looks at what is particular to modes other than awsvpc.
func TestNetworkModes(t *testing.T) {
	internet(t)
	w := start(t)
	t.Run("host", func(t *testing.T) {
		w := w.in(t)
		c := named("main", "7070")
		c.PortMappings = []types.PortMapping{{ContainerPort: aws.Int32(7070), Protocol: types.TransportProtocolTcp}}
		task := w.one(onEC2(types.NetworkModeHost, c), "RUNNING")
		if got := w.ask("127.0.0.1:7070", "name"); got != "main" {
			t.Errorf("it answers %q", got)
		}
		if got, want := w.ask("127.0.0.1:7070", "fetch", "url", "http://"+internetName+"/"), "the Internet to "+berthtest.HostAddr; got != want {
			t.Errorf("the Internet answers %q, want %q", got, want)
		}
		bindings := w.byName(task, "main").NetworkBindings
		if len(bindings) != 1 || aws.ToInt32(bindings[0].HostPort) != 7070 || aws.ToInt32(bindings[0].ContainerPort) != 7070 || aws.ToString(bindings[0].BindIP) != "0.0.0.0" {
			t.Errorf("its network bindings are %+v", bindings)
		}
		if len(task.Attachments) != 0 {
			t.Errorf("it has attachments: %+v", task.Attachments)
		}
	})
	t.Run("none", func(t *testing.T) {
		w := w.in(t)
		task := w.one(onEC2(types.NetworkModeNone, logged(container("main", "addresses"))), "STOPPED")
		w.exited(task, "main", 0)
		for _, address := range w.printed(task, "main", 1) {
			if p, err := netip.ParsePrefix(address); err != nil || !p.Addr().IsLoopback() {
				t.Errorf("it has the address %s", address)
			}
		}
	})
}

// TestTheInternetBehindAFirewallThatDrops has the host's FORWARD chain drop, before Berth and under it.
func TestTheInternetBehindAFirewallThatDrops(t *testing.T) {
	for _, before := range []struct {
		name string
		set  func(t *testing.T)
	}{
		{"policy DROP", func(t *testing.T) {
			iptables := berthtest.Tool(t, "iptables")
			run := func(policy string) {
				if out, err := exec.Command(iptables, "-P", "FORWARD", policy).CombinedOutput(); err != nil {
					t.Fatalf("iptables: %v: %s", err, out)
				}
			}
			run("DROP")
			t.Cleanup(func() { run("ACCEPT") })
		}},
		{"dockerd", func(t *testing.T) {
			berthtest.StartDocker(t)
			if out, err := exec.Command("iptables", "-S", "FORWARD").CombinedOutput(); err != nil || !strings.Contains(string(out), "-P FORWARD DROP") {
				t.Fatalf("this dockerd does not set FORWARD to DROP: %v: %s", err, out)
			}
		}},
	} {
		t.Run(before.name, func(t *testing.T) {
			before.set(t)
			internet(t)
			w := start(t)
			task := w.one(fargate(named("main", "8080")), "RUNNING")
			at := w.publicIP(task) + ":8080"
			if got, want := w.ask(at, "fetch", "url", "http://"+internetName+"/"), "the Internet to "+berthtest.HostAddr; got != want {
				t.Errorf("it answers %q, want %q", got, want)
			}
			other := w.one(fargate(named("main", "8080")), "RUNNING")
			w.serving(other)
			if got := w.ask(at, "fetch", "url", "http://"+detail(other, "privateIPv4Address")+":8080/name"); got != "main" {
				t.Errorf("another task answers %q", got)
			}
		})
	}
}
