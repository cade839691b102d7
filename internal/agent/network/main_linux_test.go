package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The tests run in a network and a mount namespace of their own, which are "the host" to them: what they do to its
// firewall, its settings and /run concerns nobody else. The variable says which part a process plays.
const roleVariable = "BERTH_NETWORK_TEST"

const (
	roleHost     = "host"
	roleAttacher = "attacher" // see sigkill_linux_test.go
)

// The host's only way out leads to the namespace "Internet", which knows no way back to anything but the host's address.
var (
	hostUplink = netip.MustParsePrefix("192.0.2.2/24")
	internet   = netip.MustParsePrefix("192.0.2.1/24")
)

const internetNS = "/run/internet"

func TestMain(m *testing.M) {
	if os.Geteuid() != 0 {
		os.Exit(m.Run()) // what needs no namespace
	}
	switch os.Getenv(roleVariable) {
	case roleHost:
		if err := becomeHost(); err != nil {
			fmt.Println("prepare the test's host:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	case roleAttacher:
		os.Exit(attachUntilKilled())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+roleHost)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is of the thread
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			fmt.Println("start the tests in namespaces of their own:", err)
		}
		os.Exit(1)
	}
}

func becomeHost() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	if err := os.WriteFile(ipForward, []byte("0"), 0); err != nil {
		return err
	}
	host, err := newHandle()
	if err != nil {
		return err
	}
	defer host.Close()
	err = createNamespace(internetNS, func(ns int) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "uplink"
		if err := host.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "host", PeerNamespace: netlink.NsFd(ns)}); err != nil {
			return err
		}
		nl, err := newHandle()
		if err != nil {
			return err
		}
		defer nl.Close()
		return errors.Join(configure(nl, "lo", netip.MustParsePrefix("127.0.0.1/8")), configure(nl, "host", internet))
	})
	if err != nil {
		return err
	}
	if err := errors.Join(configure(host, "lo", netip.MustParsePrefix("127.0.0.1/8")), configure(host, "uplink", hostUplink)); err != nil {
		return err
	}
	return host.route(&netlink.Route{Dst: everywhere(), Gw: internet.Addr().AsSlice()})
}

func configure(nl handle, name string, address netip.Prefix) error {
	link, err := nl.LinkByName(name)
	if err != nil {
		return err
	}
	return nl.up(link, &netlink.Addr{IPNet: ipNet(address)})
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
	var ln net.Listener
	if err := inside(ns, func() (err error) { ln, err = net.Listen("tcp4", ":80"); return err }); err != nil {
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
func get(ns string, addr netip.Addr) (string, error) {
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(_ context.Context, network, address string) (conn net.Conn, err error) {
			err = inside(ns, func() (err error) { conn, err = net.DialTimeout(network, address, 2*time.Second); return err })
			return conn, err
		},
	}}
	response, err := client.Get("http://" + addr.String() + "/")
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
