package berthtest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A host of one's own is a network and a mount namespace: what tests do there to firewalls, to the resolver and to /run
// concerns nobody else. Its only way out leads to another namespace, Internet, which knows no way back to anything but
// the host's address: what reaches it has been masqueraded.
const (
	Internet     = "/run/internet" // the namespace
	InternetAddr = "192.0.2.1"
	HostAddr     = "192.0.2.2"
	// ResolverAddr is where the host's resolv.conf points: a stub on its loopback, as systemd's.
	ResolverAddr = "127.0.0.53"
)

const (
	ownHostVariable = "BERTH_TEST_OWN_HOST"
	ipForward       = "/proc/sys/net/ipv4/ip_forward"
)

// OnOwnHost is a TestMain: it runs the package's tests on a host of their own, which ends with them. Without root, which it
// takes, it runs them where they are.
func OnOwnHost(m *testing.M) {
	if os.Geteuid() != 0 {
		os.Exit(m.Run())
	}
	if os.Getenv(ownHostVariable) != "" {
		if err := becomeHost(); err != nil {
			fmt.Fprintln(os.Stderr, "make a host for the tests:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), ownHostVariable+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is of the thread
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			fmt.Fprintln(os.Stderr, "start the tests on a host of their own:", err)
		}
		os.Exit(1)
	}
	os.Exit(0)
}

func becomeHost() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	if err := ownResolvConf(); err != nil {
		return fmt.Errorf("put a resolv.conf in place: %w", err)
	}
	if err := ownHosts(); err != nil {
		return fmt.Errorf("put a hosts file in place: %w", err)
	}
	if err := os.WriteFile(ipForward, []byte("0"), 0); err != nil {
		return err
	}
	host, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer host.Close()
	if err := makeInternet(host); err != nil {
		return fmt.Errorf("make the Internet: %w", err)
	}
	if err := errors.Join(address(host, "lo", "127.0.0.1/8"), address(host, "uplink", HostAddr+"/24")); err != nil {
		return err
	}
	return host.RouteAdd(&netlink.Route{Gw: net.ParseIP(InternetAddr)})
}

func ownResolvConf() error {
	path := "/run/resolv.conf"
	if err := os.WriteFile(path, []byte("nameserver "+ResolverAddr+"\noptions edns0 trust-ad\n"), 0o644); err != nil {
		return err
	}
	return unix.Mount(path, "/etc/resolv.conf", "", unix.MS_BIND, "")
}

// ownHosts gives the host a hosts file that knows itself alone.
func ownHosts() error {
	path := "/run/hosts"
	if err := os.WriteFile(path, []byte("127.0.0.1 localhost\n"), 0o644); err != nil {
		return err
	}
	return unix.Mount(path, "/etc/hosts", "", unix.MS_BIND, "")
}

// makeInternet makes the namespace and the link to it.
func makeInternet(host *netlink.Handle) error {
	if err := os.WriteFile(Internet, nil, 0o444); err != nil {
		return err
	}
	err := onThread(func() error {
		return errors.Join(unix.Unshare(unix.CLONE_NEWNET), unix.Mount("/proc/thread-self/ns/net", Internet, "", unix.MS_BIND, ""))
	})
	if err != nil {
		return err
	}
	ns, err := os.Open(Internet)
	if err != nil {
		return err
	}
	defer ns.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "uplink"
	if err := host.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "host", PeerNamespace: netlink.NsFd(ns.Fd())}); err != nil {
		return err
	}
	return Inside(Internet, func() error {
		there, err := netlink.NewHandle()
		if err != nil {
			return err
		}
		defer there.Close()
		return errors.Join(address(there, "lo", "127.0.0.1/8"), address(there, "host", InternetAddr+"/24"))
	})
}

// address gives a link an address and sets it up.
func address(nl *netlink.Handle, name, prefix string) error {
	link, err := nl.LinkByName(name)
	if err != nil {
		return err
	}
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return err
	}
	at := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}}
	if err := nl.AddrReplace(link, at); err != nil {
		return fmt.Errorf("give %s the address %s: %w", name, prefix, err)
	}
	return nl.LinkSetUp(link)
}

// Inside runs fn in the network namespace at path. Sockets that fn opens stay in it.
func Inside(path string, fn func() error) error {
	return onThread(func() error {
		ns, err := os.Open(path)
		if err != nil {
			return err
		}
		defer ns.Close()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace %s: %w", path, err)
		}
		return fn()
	})
}

// onThread runs fn on a thread that is thrown away afterwards, so that fn may leave it in any namespace. It is never the
// main thread, which cannot end.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			done <- onThread(fn) // while this goroutine holds the main thread, another runs elsewhere
			runtime.UnlockOSThread()
			return
		}
		done <- fn()
	}()
	return <-done
}
