package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// sockets makes sockets in a network namespace. A socket stays in the namespace of the thread that made it, wherever it is
// used afterwards, so one thread that stays there serves all: nothing that it is given to do may wait.
type sockets struct {
	path  string
	begin sync.Once
	end   sync.Once
	work  chan func()
	stop  chan struct{}
	ended chan struct{}
	err   error // why there is no thread; set before ended is closed
}

func newSockets(path string) *sockets {
	return &sockets{path: path, work: make(chan func()), stop: make(chan struct{}), ended: make(chan struct{})}
}

// do runs fn in the namespace.
func (s *sockets) do(fn func() error) error {
	s.begin.Do(func() { go s.serve() })
	done := make(chan error, 1)
	select {
	case s.work <- func() { done <- fn() }:
		return <-done
	case <-s.ended:
		if s.err != nil {
			return s.err
		}
		return net.ErrClosed
	}
}

func (s *sockets) serve() {
	defer close(s.ended)
	s.err = inside(s.path, func() error {
		for {
			select {
			case fn := <-s.work:
				fn()
			case <-s.stop:
				return nil
			}
		}
	})
}

// close ends the thread. What it has made stays.
func (s *sockets) close() {
	s.begin.Do(func() { close(s.ended) })
	s.end.Do(func() { close(s.stop) })
	<-s.ended
}

// newSocket makes a socket for connect.
func newSocket(network string) (int, error) {
	kind := unix.SOCK_STREAM
	if network == "udp" {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	return fd, os.NewSyscallError("socket", err)
}

// connect connects a socket from an address of its namespace, and owns it.
func connect(ctx context.Context, fd int, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	if !to.Addr().Unmap().Is4() {
		unix.Close(fd)
		return nil, &net.AddrError{Err: "not an IPv4 address", Addr: to.Addr().String()}
	}
	// A port is taken when the destination is known: from one address there are as many connections to each target.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	err := os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}))
	waits := false
	if err == nil {
		err = os.NewSyscallError("connect", unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().Unmap().As4(), Port: int(to.Port())}))
		waits = errors.Is(err, unix.EINPROGRESS)
	}
	if err != nil && !waits {
		unix.Close(fd)
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close() // the connection has a descriptor of its own
	if waits {
		if err := awaitConnected(ctx, file); err != nil {
			return nil, err
		}
	}
	return net.FileConn(file)
}

// awaitConnected waits for the answer to a connect.
func awaitConnected(ctx context.Context, file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = file.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err != nil {
			failed = os.NewSyscallError("connect", err)
			return true
		}
		_, err = unix.Getpeername(int(fd))
		return err == nil
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failed != nil:
		return failed
	}
	return err
}
