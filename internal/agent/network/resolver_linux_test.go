package network

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// fakeUpstream is a resolver on the host that answers every A question with addr, over the sockets' protocols.
func fakeUpstream(t *testing.T, address string, addr netip.Addr) {
	t.Helper()
	needRoot(t)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		name := q.Question[0].Name
		switch {
		case strings.HasPrefix(name, "missing."):
			answer.Rcode = dns.RcodeNameError
		case strings.HasPrefix(name, "broken."):
			answer.Rcode = dns.RcodeServerFailure
		case strings.HasPrefix(name, "many."):
			answer.Compress = true
			for range 25 {
				answer.Answer = append(answer.Answer, &dns.A{A: addr.AsSlice(),
					Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}})
			}
		case strings.HasPrefix(name, "large.") && w.RemoteAddr().Network() == "udp":
			answer.Truncated = true
		default:
			answer.Answer = []dns.RR{&dns.A{A: addr.AsSlice(),
				Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}}}
		}
		_ = w.WriteMsg(answer)
	})
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range []*dns.Server{{PacketConn: udp, Handler: handler}, {Listener: tcp, Handler: handler}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go server.ActivateAndServe()
		<-started
		t.Cleanup(func() { server.Shutdown() })
	}
}

func resolvConf(t *testing.T, nameservers ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	writeResolvConf(t, path, nameservers...)
	return path
}

func writeResolvConf(t *testing.T, path string, nameservers ...string) {
	t.Helper()
	text := "search example.org\n"
	for _, server := range nameservers {
		text += "nameserver " + server + "\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// lookup asks the VPC's resolver from inside a task.
func lookup(t *testing.T, ns, network string, qtype uint16, name string) *dns.Msg {
	t.Helper()
	return lookupAt(t, ns, task(1).Resolver, network, qtype, name)
}

// lookupAt is lookup at another resolver.
func lookupAt(t *testing.T, ns string, resolver netip.Addr, network string, qtype uint16, name string) *dns.Msg {
	t.Helper()
	conn := new(dns.Conn)
	err := inside(ns, func() (err error) {
		conn.Conn, err = net.Dial(network, resolver.String()+":53")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := &dns.Client{Net: network, Timeout: 5 * time.Second}
	answer, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype), conn)
	if err != nil {
		t.Fatalf("ask for %s by %s: %v", name, network, err)
	}
	return answer
}

func TestResolverForwardsToALoopbackResolverOfTheHost(t *testing.T) {
	want := netip.MustParseAddr("203.0.113.7")
	fakeUpstream(t, "127.0.0.53:53", want)
	cfg := instance(t, "aaaa0001")
	cfg.ResolvConf = resolvConf(t, "127.0.0.53")
	a := attach(t, open(t, cfg), task(1))

	for _, network := range []string{"udp", "tcp"} {
		answer := lookup(t, a.NetNS, network, dns.TypeA, "example.com")
		if len(answer.Answer) != 1 || answer.Answer[0].(*dns.A).A.String() != want.String() {
			t.Errorf("by %s the answer is %v, want %s", network, answer, want)
		}
	}
	if rcode := lookup(t, a.NetNS, "udp", dns.TypeA, "missing.example.com").Rcode; rcode != dns.RcodeNameError {
		t.Errorf("a name that does not exist: %s", dns.RcodeToString[rcode])
	}
	if rcode := lookup(t, a.NetNS, "udp", dns.TypeA, "broken.example.com").Rcode; rcode != dns.RcodeServerFailure {
		t.Errorf("a name whose servers are broken: %s", dns.RcodeToString[rcode])
	}
	// By the plain protocol a client of UDP takes 512 bytes, into which so many addresses fit if the name stands there once.
	if got := len(lookup(t, a.NetNS, "udp", dns.TypeA, "many.addresses.of.a-load-balancer-with-a-long-name.eu-west-1.example.com").Answer); got != 25 {
		t.Errorf("%d of 25 addresses came", got)
	}
	if !lookup(t, a.NetNS, "udp", dns.TypeA, "large.example.com").Truncated {
		t.Error("an answer too large for UDP came without the mark that says so")
	}
}

func TestTheBridgesResolverForwardsToALoopbackResolverOfTheHost(t *testing.T) {
	want := netip.MustParseAddr("203.0.113.7")
	fakeUpstream(t, "127.0.0.53:53", want)
	cfg := instance(t, "aaaa0001")
	cfg.ResolvConf = resolvConf(t, "127.0.0.53")
	b := bridgeContainer(t, open(t, cfg), web(1, 0))
	for _, network := range []string{"udp", "tcp"} {
		answer := lookupAt(t, b.NetNS, b.Resolver, network, dns.TypeA, "example.com")
		if len(answer.Answer) != 1 || answer.Answer[0].(*dns.A).A.String() != want.String() {
			t.Errorf("by %s the answer is %v, want %s", network, answer, want)
		}
	}
}

func TestResolverKnowsTasks(t *testing.T) {
	cfg := instance(t, "aaaa0001")
	cfg.ResolvConf = resolvConf(t)
	n := open(t, cfg)
	a, two := attach(t, n, task(1)), task(2)
	attach(t, n, two)
	answer := lookup(t, a.NetNS, "udp", dns.TypeA, strings.ToUpper(two.DNSName))
	if len(answer.Answer) != 1 || answer.Answer[0].(*dns.A).A.String() != two.Address.String() {
		t.Errorf("%s is %v, want %s", two.DNSName, answer, two.Address)
	}
	if answer := lookup(t, a.NetNS, "udp", dns.TypeAAAA, two.DNSName); answer.Rcode != dns.RcodeSuccess || len(answer.Answer) != 0 {
		t.Errorf("an IPv6 address of a task: %v, want an empty answer", answer)
	}
	reverse, _ := dns.ReverseAddr(two.Address.String())
	answer = lookup(t, a.NetNS, "tcp", dns.TypePTR, reverse)
	if len(answer.Answer) != 1 || answer.Answer[0].(*dns.PTR).Ptr != two.DNSName+"." {
		t.Errorf("%s is %v, want %s", reverse, answer, two.DNSName)
	}
	if err := n.Detach(context.Background(), two.Task); err != nil {
		t.Fatal(err)
	}
	if rcode := lookup(t, a.NetNS, "udp", dns.TypeA, two.DNSName).Rcode; rcode != dns.RcodeNameError {
		t.Errorf("a task that is gone: %s, want NXDOMAIN", dns.RcodeToString[rcode])
	}
}

func TestResolverFailsFastWithoutAnUpstream(t *testing.T) {
	for name, servers := range map[string][]string{"none named": nil, "nobody listens": {"127.0.0.77"}} {
		t.Run(name, func(t *testing.T) {
			cfg := instance(t, "aaaa0001")
			cfg.ResolvConf = resolvConf(t, servers...)
			a := attach(t, open(t, cfg), task(1))
			begin := time.Now()
			if rcode := lookup(t, a.NetNS, "udp", dns.TypeA, "example.com").Rcode; rcode != dns.RcodeServerFailure {
				t.Errorf("the answer is %s, want SERVFAIL", dns.RcodeToString[rcode])
			}
			if took := time.Since(begin); took > time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestResolverFollowsChangesOfResolvConf(t *testing.T) {
	want := netip.MustParseAddr("203.0.113.8")
	fakeUpstream(t, "127.0.0.53:53", want)
	cfg := instance(t, "aaaa0001")
	cfg.ResolvConf = resolvConf(t)
	a := attach(t, open(t, cfg), task(1))
	if rcode := lookup(t, a.NetNS, "udp", dns.TypeA, "example.com").Rcode; rcode != dns.RcodeServerFailure {
		t.Fatalf("without an upstream: %s", dns.RcodeToString[rcode])
	}
	writeResolvConf(t, cfg.ResolvConf, "127.0.0.77", "127.0.0.53") // the first does not answer
	for begin := time.Now(); ; {
		if lookup(t, a.NetNS, "udp", dns.TypeA, "example.com").Rcode == dns.RcodeSuccess {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("the new upstream was not asked")
		}
	}
}

func TestResolverIsSilentWhileNoAgentLives(t *testing.T) {
	cfg := instance(t, "aaaa0001")
	n := open(t, cfg)
	a := attach(t, n, task(1))
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	conn := new(dns.Conn)
	err := inside(a.NetNS, func() (err error) { conn.Conn, err = net.Dial("udp", task(1).Resolver.String()+":53"); return err })
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := &dns.Client{Timeout: 200 * time.Millisecond}
	_, _, err = client.ExchangeWithConn(new(dns.Msg).SetQuestion("example.com.", dns.TypeA), conn)
	if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() {
		t.Errorf("a question that nobody hears ended with %v; the client should ask again", err)
	}
}
