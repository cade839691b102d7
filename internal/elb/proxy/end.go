package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// end is one end of what the proxy carries: a connection to a client or to a target, and what has been read of it.
//
// Deadlines cost, so they are set ahead of need and moved only when they come near: a read wakes up now and then, and goes
// on when its time is not over.
type end struct {
	conn net.Conn
	tcp  *net.TCPConn    // nil: bytes do not go through the kernel alone
	raw  syscall.RawConn // of tcp
	look looker          // at the socket, under TLS too

	buf  []byte
	keep int // buf[:keep] is in use by those who parsed it
	r, w int // buf[r:w] is read and not yet used

	readBy, writeBy time.Time // the deadlines that are set
	// last is when something came, for those who wait at the other end.
	last atomic.Int64
	// interrupted has reads end, from another goroutine.
	interrupted atomic.Bool
}

// tick is for how long a read waits before it looks around.
const tick = time.Second

var (
	errIdle  = errors.New("proxy: nothing came for the idle timeout")
	errStuck = errors.New("proxy: what came could not be passed on")
	errGone  = errors.New("proxy: the client has closed its connection")
)

func (e *end) open(conn net.Conn) {
	e.conn = conn
	socket := conn
	if secure, ok := conn.(*tls.Conn); ok {
		socket = secure.NetConn()
	}
	tcp, ok := socket.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	e.look.raw = raw
	if socket == conn {
		e.tcp, e.raw = tcp, raw
	}
}

// vigil is what is kept in mind of a client while its target is waited for.
type vigil struct {
	client *end          // whether it is still there; nil: somebody else sees to that
	last   *atomic.Int64 // when something came from it
}

// release hands the buffer back. Nothing in it may be in use.
func (e *end) release() {
	if e.buf != nil {
		give(e.buf)
		e.buf, e.keep, e.r, e.w = nil, 0, 0, 0
	}
}

// room makes room for reading behind what is there. What is before keep stays where it is; so does the buffer, unless that
// leaves no room.
func (e *end) room() error {
	if e.buf == nil {
		e.buf = take(small)
	}
	if e.r == e.w {
		if e.keep == 0 && e.w == len(e.buf) && len(e.buf) == small { // much is coming
			give(e.buf)
			e.buf = take(medium)
		}
		e.r, e.w = e.keep, e.keep
	}
	if e.w < len(e.buf) {
		return nil
	}
	if e.r > e.keep {
		e.w = e.keep + copy(e.buf[e.keep:], e.buf[e.r:e.w])
		e.r = e.keep
		return nil
	}
	return e.reserve(len(e.buf) + 1)
}

// reserve makes the buffer that large. It may be another then.
func (e *end) reserve(size int) error {
	if len(e.buf) >= size {
		return nil
	}
	bigger := take(size)
	if bigger == nil {
		return errTooLarge
	}
	if e.buf != nil {
		copy(bigger, e.buf[:e.w])
		give(e.buf)
	}
	e.buf = bigger
	return nil
}

// more reads what comes next, waiting for at most idle. With a client kept in mind it waits on as long as something comes
// from that, and gives up with errGone when it is not there any more.
func (e *end) more(idle time.Duration, v *vigil) error {
	if err := e.room(); err != nil {
		return err
	}
	n, err := e.read(e.buf[e.w:], idle, v)
	e.w += n
	return err
}

// read reads into p as more does. It returns no error with bytes.
func (e *end) read(p []byte, idle time.Duration, v *vigil) (int, error) {
	began := time.Now()
	now, wait := began, min(idle, tick)
	for {
		if e.readBy.Sub(now) < wait/2 {
			e.readBy = now.Add(wait)
			if err := e.conn.SetReadDeadline(e.readBy); err != nil {
				return 0, err
			}
		}
		if e.interrupted.Load() { // after the deadline was set, lest this undo the interrupter's
			return 0, os.ErrDeadlineExceeded
		}
		n, err := e.conn.Read(p)
		if n > 0 {
			e.last.Store(now.UnixNano())
			return n, nil
		}
		if err == nil {
			return 0, io.ErrNoProgress
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		now = time.Now()
		left := idle - now.Sub(began)
		if v != nil { // while a request is still coming, the target may listen
			left = max(left, idle-now.Sub(time.Unix(0, v.last.Load())))
		}
		if left <= 0 {
			return 0, errIdle
		}
		if v != nil && v.client != nil && v.client.gone() {
			return 0, errGone
		}
		if wait = min(2*wait, left); v != nil {
			wait = min(wait, 4*tick)
		}
		e.readBy = time.Time{}
	}
}

// write writes all of p. It gives up when nothing can be written for idle; the error is an errUnsent when nothing was at all.
func (e *end) write(p []byte, idle time.Duration) error {
	for sent := 0; ; {
		if now := time.Now(); e.writeBy.Sub(now) < idle {
			e.writeBy = now.Add(idle + tick)
			if err := e.conn.SetWriteDeadline(e.writeBy); err != nil {
				return err
			}
		}
		n, err := e.conn.Write(p[sent:])
		if err == nil {
			return nil
		}
		if sent += n; sent == 0 {
			return fmt.Errorf("%w: %w", errUnsent, err)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || e.tcp == nil {
			return err
		}
	}
}

// interrupt has a read that another goroutine is in, and those after it, end.
func (e *end) interrupt() {
	e.interrupted.Store(true)
	_ = e.conn.SetReadDeadline(time.Unix(1, 0))
}

// gone is whether the peer has closed its end, as far as can be seen without waiting.
func (e *end) gone() bool { return e.look.raw != nil && e.look.hungUp() }

// quiet is whether the peer has neither closed nor said anything, be it TLS's goodbye.
func (e *end) quiet() bool { return e.look.raw == nil || e.look.quiet() }

// linger closes the connection so that what was written last arrives: unread bytes would have the kernel reset it. It
// reads on, but not much and not for long.
func (e *end) linger() {
	type halfCloser interface{ CloseWrite() error }
	if half, ok := e.conn.(halfCloser); ok && half.CloseWrite() == nil {
		if e.buf == nil {
			e.buf = take(small)
		}
		_ = e.conn.SetReadDeadline(time.Now().Add(2 * tick))
		for read := 0; read < 1<<20; {
			n, err := e.conn.Read(e.buf)
			if err != nil {
				break
			}
			read += n
		}
	}
	_ = e.conn.Close()
}
