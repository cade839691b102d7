//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim"
)

// openNetwork opens the network namespace that the containers join, and the task's listener in it, or in each of those
// that containers have for themselves.
func (t *task) openNetwork() error {
	var err error
	switch {
	case t.spec.NoNetwork:
		t.netns, err = loopbackOnly()
	case t.spec.NetNS != "":
		t.netns, err = os.Open(t.spec.NetNS)
	}
	if err != nil {
		return fmt.Errorf("open the task's network namespace: %w", err)
	}
	if t.spec.Listen == "" {
		return nil
	}
	if len(t.spec.ListenIn) == 0 {
		return t.listen(t.netns)
	}
	for _, path := range t.spec.ListenIn {
		ns, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("open a container's network namespace: %w", err)
		}
		if err := errors.Join(t.listen(ns), ns.Close()); err != nil {
			return err
		}
	}
	return nil
}

// listen opens the task's listener in a namespace.
func (t *task) listen(ns *os.File) error {
	listener, err := listenIn(ns, t.spec.Listen)
	if err != nil {
		return fmt.Errorf("listen in the task's network namespace: %w", err)
	}
	t.listeners = append(t.listeners, listener)
	return nil
}

// netnsPath is a path by which other processes reach the container's namespace while this one lives; empty for the
// host's and for a new one.
func (c *container) netnsPath() string {
	switch {
	case c.spec.NoNetwork:
		return ""
	case c.spec.NetNS != "":
		return c.spec.NetNS
	case c.task.netns == nil:
		return ""
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), c.task.netns.Fd())
}

// Dial connects from inside a container's network namespace.
func (t *task) Dial(ctx context.Context, d *shim.Connect) (*os.File, error) {
	c := t.find(d.Name)
	if c == nil {
		return nil, shim.Errorf(shim.NotFound, "the task has no container %q", d.Name)
	}
	address, err := netip.ParseAddrPort(d.Address) // names would be looked up from here
	if err != nil {
		return nil, shim.Errorf(shim.Invalid, "%q is not an IP address and port", d.Address)
	}
	ns, err := c.openNetns()
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	return dialIn(ctx, ns, address)
}

// openNetns opens the network namespace of a running container.
func (c *container) openNetns() (*os.File, error) {
	l, leave, err := c.running()
	if err != nil {
		return nil, err
	}
	defer leave()
	return os.Open(fmt.Sprintf("/proc/%d/ns/net", l.process.Pid))
}

func dialIn(ctx context.Context, ns *os.File, address netip.AddrPort) (socket *os.File, err error) {
	onThread(func() {
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		var conn net.Conn
		if conn, err = new(net.Dialer).DialContext(ctx, "tcp", address.String()); err != nil {
			return
		}
		defer conn.Close()
		socket, err = conn.(*net.TCPConn).File()
	})
	return socket, err
}

// loopbackOnly makes a namespace with nothing but its loopback interface, which is up.
func loopbackOnly() (ns *os.File, err error) {
	onThread(func() {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return
		}
		if err = loopbackUp(); err == nil {
			ns, err = os.Open("/proc/thread-self/ns/net")
		}
	})
	return ns, err
}

func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo)
}

// listenIn opens a listening TCP socket in a namespace, or in this one if ns is nil. It is bound to the loopback interface:
// the kernel takes in what a neighbour on the subnet sends to any of the namespace's addresses.
func listenIn(ns *os.File, address string) (socket *os.File, err error) {
	onThread(func() {
		if ns != nil {
			if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				return
			}
		}
		var l net.Listener
		config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
			var bound error
			err := raw.Control(func(fd uintptr) { bound = unix.BindToDevice(int(fd), "lo") })
			return errors.Join(err, bound)
		}}
		if l, err = config.Listen(context.Background(), "tcp", address); err != nil {
			return
		}
		defer l.Close()
		socket, err = l.(*net.TCPListener).File()
	})
	return socket, err
}

// onThread runs f on a thread that ends with it, so that a namespace it enters is left behind. The main thread can't
// end; main holds it.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}
