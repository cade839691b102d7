//go:build unix

package proxy

import (
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// looker looks at a socket without waiting and without reading. It is one connection's, so that looking allocates nothing.
type looker struct {
	raw         syscall.RawConn // nil: there is nothing to look at
	seen        bool
	peek, check func(fd uintptr)
}

// quiet is whether the peer has neither closed nor said anything that was not read.
func (l *looker) quiet() bool {
	if l.peek == nil {
		l.peek = func(fd uintptr) {
			var one [1]byte
			_, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
			l.seen = err == unix.EAGAIN || err == unix.EINTR
		}
	}
	l.seen = false
	return l.raw.Control(l.peek) == nil && l.seen
}

// unheard is how many of the bytes that were written last have not come to the peer's kernel, as far as its last segment says.
func (l *looker) unheard() (n int64) {
	if l.raw == nil || l.raw.Control(func(fd uintptr) { n = unacknowledged(int(fd)) }) != nil {
		return math.MinInt64
	}
	return n
}

// hungUp is whether the peer has closed its end, even when there is something unread before that.
func (l *looker) hungUp() bool {
	if l.check == nil {
		l.check = func(fd uintptr) { l.seen = hungUp(int(fd)) }
	}
	l.seen = false
	return l.raw.Control(l.check) != nil || l.seen
}
