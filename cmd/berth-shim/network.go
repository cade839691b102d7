//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// openNetwork opens the network namespace that the containers join, and the task's listener in it.
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
	if t.listener, err = listenIn(t.netns, t.spec.Listen); err != nil {
		return fmt.Errorf("listen in the task's network namespace: %w", err)
	}
	return nil
}

// netnsPath is a path by which other processes reach the namespace while this one lives; empty for the host's.
func (t *task) netnsPath() string {
	if t.netns == nil {
		return ""
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), t.netns.Fd())
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
