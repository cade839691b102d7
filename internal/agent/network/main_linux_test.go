package network

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/test/berthtest"
)

// The tests have a host of their own: what they do to its firewall, its settings and /run concerns nobody else.
var (
	hostUplink = netip.MustParseAddr(berthtest.HostAddr)
	internet   = netip.MustParseAddr(berthtest.InternetAddr)
)

const internetNS = berthtest.Internet

func TestMain(m *testing.M) {
	if os.Getenv(attacherVariable) != "" {
		os.Exit(attachUntilKilled())
	}
	berthtest.OnOwnHost(m)
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("namespaces can be made by root only")
	}
}

// instance is the configuration of a Berth that is cleaned away after the test.
func instance(t testing.TB, id string) Config {
	t.Helper()
	needRoot(t)
	cfg := Config{Instance: id, RunDir: filepath.Join("/run/berth", id), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if err := os.MkdirAll(cfg.RunDir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Clean(context.Background(), cfg); err != nil {
			t.Error(err)
		}
	})
	return cfg
}

func open(t testing.TB, cfg Config) *Network {
	t.Helper()
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// task is the n-th task of the default VPC's first subnet.
func task(n int) TaskNet {
	addr := addr4(0xac1f0000 + uint32(n) + 3)
	return TaskNet{
		Task: fmt.Sprintf("%032x", n), VPC: "vpc-0a1b2c3d4e5f60718",
		VPCCIDR: netip.MustParsePrefix("172.31.0.0/16"), SubnetCIDR: netip.MustParsePrefix("172.31.0.0/20"),
		Gateway: netip.MustParseAddr("172.31.0.1"), Address: addr, Resolver: netip.MustParseAddr("172.31.0.2"),
		MAC:     net.HardwareAddr(append([]byte{2, 0xbe}, addr.AsSlice()...)).String(),
		DNSName: "ip-" + strings.ReplaceAll(addr.String(), ".", "-") + ".ec2.internal",
	}
}

// inSubnet moves a task to the n-th /20 of its VPC.
func inSubnet(t TaskNet, n int) TaskNet {
	move := func(a netip.Addr) netip.Addr { return addr4(uint32(n)<<12 + number(a)) }
	t.SubnetCIDR = netip.PrefixFrom(move(t.SubnetCIDR.Addr()), 20)
	t.Gateway, t.Address = move(t.Gateway), move(t.Address)
	t.DNSName = "ip-" + strings.ReplaceAll(t.Address.String(), ".", "-") + ".ec2.internal"
	return t
}

func attach(t testing.TB, n *Network, task TaskNet) Attached {
	t.Helper()
	attached, err := n.Attach(context.Background(), task)
	if err != nil {
		t.Fatal(err)
	}
	return attached
}

// serve answers HTTP requests inside the namespace with text and the address that the request came from.
func serve(t testing.TB, ns, text string) {
	t.Helper()
	serveAt(t, ns, ":80", text)
}

// serveAt is serve on an address of the namespace's.
func serveAt(t testing.TB, ns, address, text string) {
	t.Helper()
	var ln net.Listener
	if err := inside(ns, func() (err error) { ln, err = net.Listen("tcp4", address); return err }); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprintf(w, "%s to %s", text, host)
	})}
	go server.Serve(ln)
	t.Cleanup(func() { server.Close() })
}

const hostNS = "/proc/self/ns/net"

// get asks the server at addr from inside a namespace. The error is the connection's.
func get(ns string, addr netip.Addr) (string, error) { return fetch(ns, addr.String()) }

// fetch is get at "address" or "address:port".
func fetch(ns, address string) (string, error) {
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(_ context.Context, network, address string) (conn net.Conn, err error) {
			err = inside(ns, func() (err error) { conn, err = net.DialTimeout(network, address, 2*time.Second); return err })
			return conn, err
		},
	}}
	response, err := client.Get("http://" + address + "/")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func wantGet(t testing.TB, ns string, addr netip.Addr, want string) {
	t.Helper()
	got, err := get(ns, addr)
	if err != nil {
		t.Fatalf("GET %s: %v", addr, err)
	}
	if got != want {
		t.Fatalf("GET %s answered %q, want %q", addr, got, want)
	}
}

// hostState is all that Berth could leave behind on the host.
func hostState(t testing.TB) string {
	t.Helper()
	var state strings.Builder
	for _, command := range [][]string{{"ip", "-br", "link"}, {"ip", "-br", "-4", "addr"}, {"ip", "-4", "route", "show", "table", "all"},
		{"nft", "list", "ruleset"}, {"cat", ipForward}, {"find", "/run/berth", "-mindepth", "2"}, {"grep", "nsfs", "/proc/self/mounts"}} {
		out, _ := exec.Command(command[0], command[1:]...).CombinedOutput()
		fmt.Fprintf(&state, "# %s\n%s", strings.Join(command, " "), out)
	}
	return state.String()
}

func shell(t testing.TB, command string, args ...string) string {
	t.Helper()
	out, err := exec.Command(command, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", command, args, err, out)
	}
	return string(out)
}
