//go:build unix

package proxy

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// What looking at a connection shows.
type sight int

const (
	peerQuiet sight = iota
	peerSpoke
	peerClosed
)

// looker looks at a socket without waiting and without reading. It is one connection's, so that looking allocates nothing.
type looker struct {
	seen sight
	look func(fd uintptr)
}

func (l *looker) at(raw syscall.RawConn) sight {
	if l.look == nil {
		l.look = l.peek
	}
	l.seen = peerClosed
	if raw.Control(l.look) != nil {
		return peerClosed
	}
	return l.seen
}

func (l *looker) peek(fd uintptr) {
	var one [1]byte
	n, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	switch {
	case err == unix.EAGAIN, err == unix.EINTR:
		l.seen = peerQuiet
	case err != nil || n == 0:
		l.seen = peerClosed
	default:
		l.seen = peerSpoke
	}
}
