package proxy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pipe is what bytes go through from one socket to another without being copied.
type pipe struct{ r, w int }

var pipes = sync.Pool{}

func takePipe() (*pipe, error) {
	if p, ok := pipes.Get().(*pipe); ok {
		return p, nil
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	_, _ = unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, pipeSize)
	p := &pipe{fds[0], fds[1]}
	runtime.SetFinalizer(p, (*pipe).close) // the pool forgets some
	return p, nil
}

func (p *pipe) close() {
	runtime.SetFinalizer(p, nil)
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}

// canSplice is whether the kernel can carry bytes between the ends.
func canSplice(a, b *end) bool { return a.raw != nil && b.raw != nil }

// splice carries n bytes and says how many it did. It gives up with errIdle when nothing comes for that long, and with
// errStuck when what came can't be written for idle: then some of it is lost.
func splice(to, from *end, n int64, wait, idle time.Duration) (int64, error) {
	p, err := takePipe()
	if err != nil {
		return 0, err
	}
	var moved int64
	for err == nil && moved != n {
		most := min(pipeSize, n-moved)
		var in int
		in, err = from.wait(from.conn.SetReadDeadline, from.raw.Read, wait, func(fd uintptr) (int, error) {
			return spliceOnce(int(fd), p.w, int(most))
		})
		if err == nil && in == 0 {
			err = io.EOF
		}
		for in > 0 && err == nil {
			var out int
			out, err = to.wait(to.conn.SetWriteDeadline, to.raw.Write, idle, func(fd uintptr) (int, error) {
				return spliceOnce(p.r, int(fd), in)
			})
			in -= out
			moved += int64(out)
		}
		if in > 0 {
			p.close()
			return moved, fmt.Errorf("%w: %w", errStuck, err)
		}
	}
	from.readBy, to.writeBy = time.Time{}, time.Time{}
	pipes.Put(p)
	return moved, err
}

func spliceOnce(from, to, n int) (int, error) {
	moved, err := unix.Splice(from, nil, to, nil, n, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
	return int(moved), err
}

// wait does something with the connection's descriptor once that is ready, within idle.
func (e *end) wait(deadline func(time.Time) error, ready func(func(uintptr) bool) error, idle time.Duration, do func(fd uintptr) (int, error)) (n int, err error) {
	if err := deadline(time.Now().Add(idle)); err != nil {
		return 0, err
	}
	if e.interrupted.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	failed := ready(func(fd uintptr) bool {
		for {
			n, err = do(fd)
			switch {
			case err == unix.EINTR:
				continue
			case err == unix.EAGAIN:
				n = 0
				return false
			}
			return true
		}
	})
	switch {
	case errors.Is(failed, os.ErrDeadlineExceeded):
		return 0, errIdle
	case failed != nil:
		return 0, failed
	case err != nil:
		return max(n, 0), os.NewSyscallError("splice", err)
	}
	e.last.Store(time.Now().UnixNano())
	return n, nil
}
