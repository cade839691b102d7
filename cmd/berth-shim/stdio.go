//go:build cgo

package main

import (
	"fmt"
	"net"
	"os"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim"
)

// stdio is the two sides of what a process reads and prints: pipes, or a terminal that comes to be with the process.
type stdio struct {
	inner, outer []*os.File
	console      *net.UnixConn // the terminal comes here
}

// newPipes gives a process pipes that its user may open again by name, such as /dev/stdout. Without stdin it reads nothing.
func newPipes(p *libcontainer.Process, user specs.User, stdin bool) (_ *stdio, err error) {
	s := &stdio{}
	defer func() {
		if err != nil {
			s.closeInner()
			s.closeOuter()
		}
	}()
	pipe := func(inward bool) (*os.File, error) {
		r, w, err := blockingPipe()
		if err != nil {
			return nil, err
		}
		inner, outer := w, r
		if inward {
			inner, outer = r, w
		}
		s.inner, s.outer = append(s.inner, inner), append(s.outer, outer)
		return inner, inner.Chown(int(user.UID), int(user.GID))
	}
	if stdin {
		if p.Stdin, err = pipe(true); err != nil {
			return nil, err
		}
	} else {
		null, err := os.Open(os.DevNull)
		if err != nil {
			return nil, err
		}
		s.inner, p.Stdin = append(s.inner, null), null
	}
	if p.Stdout, err = pipe(false); err != nil {
		return nil, err
	}
	if p.Stderr, err = pipe(false); err != nil {
		return nil, err
	}
	return s, nil
}

// blockingPipe is a pipe that this process doesn't read or write itself.
func blockingPipe() (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe"), nil
}

// newTerminal has a process make itself a terminal, in its container, and send this side of it.
func newTerminal(p *libcontainer.Process) (*stdio, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	outer, inner := os.NewFile(uintptr(fds[0]), "console"), os.NewFile(uintptr(fds[1]), "console")
	conn, err := net.FileConn(outer)
	outer.Close()
	if err != nil {
		inner.Close()
		return nil, err
	}
	p.ConsoleSocket = inner
	return &stdio{inner: []*os.File{inner}, console: conn.(*net.UnixConn)}, nil
}

// take returns this side, once the process runs.
func (s *stdio) take() ([]*os.File, error) {
	if s.console == nil {
		return s.outer, nil
	}
	s.closeInner() // or a terminal that doesn't come would be waited for
	defer s.console.Close()
	terminal, err := shim.ReceiveFiles(s.console, 1)
	if err != nil {
		return nil, fmt.Errorf("receive the process's terminal: %w", err)
	}
	return terminal, nil
}

func (s *stdio) closeInner() {
	shim.CloseFiles(s.inner)
	s.inner = nil
}

func (s *stdio) closeOuter() {
	shim.CloseFiles(s.outer)
	if s.console != nil {
		s.console.Close()
	}
}
