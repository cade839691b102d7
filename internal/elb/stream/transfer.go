package stream

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// piece is as much as is read at once into memory. A stream that fills it has more to come, and goes on in the kernel, by
// splice, for a spell: that costs half as much for bulk, and more than a read and a write for a short message.
const (
	piece = 16 << 10
	spell = 8 << 20
)

var pieces = sync.Pool{New: func() any { return new([piece]byte) }}

// transfer copies until the end of src or an error, and calls passed whenever something did.
func transfer(dst, src net.Conn, passed func()) error {
	to, plain := dst.(*net.TCPConn)
	if from, too := src.(*net.TCPConn); plain && too {
		return between(to, from, passed)
	}
	buffer := pieces.Get().(*[piece]byte)
	defer pieces.Put(buffer)
	_, err := io.CopyBuffer(counted{dst, passed}, struct{ io.Reader }{src}, buffer[:])
	return err
}

// counted is a writer that tells of what was written.
type counted struct {
	to     io.Writer
	passed func()
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.passed()
	return n, err
}

// between copies from socket to socket. One that waits holds no memory and no pipe: most connections do, most of the time.
func between(dst, src *net.TCPConn, passed func()) error {
	raw, err := src.SyscallConn()
	if err != nil {
		return err
	}
	var r reader
	for {
		if err := raw.Read(r.read); err != nil {
			return err
		}
		n, err := r.passTo(dst)
		if n == 0 || err != nil {
			return err
		}
		passed()
		if n < piece {
			continue
		}
		spliced, err := dst.ReadFrom(io.LimitReader(src, spell))
		if passed(); err != nil || spliced < spell {
			return err
		}
	}
}

// reader takes a piece from a socket once there is one, and has memory only then.
type reader struct {
	buffer *[piece]byte
	n      int
	err    error
}

// read is for syscall.RawConn: it tells whether there was something, be it the end or an error.
func (r *reader) read(fd uintptr) bool {
	r.buffer = pieces.Get().(*[piece]byte)
	r.n, r.err = syscall.Read(int(fd), r.buffer[:])
	for r.err == syscall.EINTR {
		r.n, r.err = syscall.Read(int(fd), r.buffer[:])
	}
	if r.err == nil && r.n > 0 {
		return true
	}
	pieces.Put(r.buffer)
	return r.err != syscall.EAGAIN
}

// passTo writes what was read and tells how much that was, 0 at the end.
func (r *reader) passTo(dst net.Conn) (int, error) {
	if r.err != nil || r.n == 0 {
		return 0, r.err
	}
	defer pieces.Put(r.buffer)
	return dst.Write(r.buffer[:r.n])
}
