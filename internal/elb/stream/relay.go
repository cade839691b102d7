package stream

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// relay passes bytes between two connections, both ways, until both sides have ended, one breaks, or nothing passes for the
// idle time. Then it closes both; when they did not end by themselves, so that both sides see that they are broken.
func relay(front, back net.Conn, idle time.Duration) {
	p := &pair{front: front, back: back, idle: idle}
	p.touch()
	var other sync.WaitGroup
	other.Go(func() { p.pass(front, back) })
	p.pass(back, front)
	other.Wait()
	front.Close()
	back.Close()
}

// pair is two connections between which bytes are passed.
type pair struct {
	front, back net.Conn
	idle        time.Duration
	ended       atomic.Int32  // ways
	touched     atomic.Int64  // when something passed last: nanoseconds since began
	moved       atomic.Uint64 // by the kernel's count, when that was looked at last
}

// pass passes bytes one way until the end of what src sends.
func (p *pair) pass(dst, src net.Conn) {
	for {
		_ = src.SetReadDeadline(time.Now().Add(p.idle / 4))
		err := transfer(dst, src, p.touch)
		if errors.Is(err, os.ErrDeadlineExceeded) && !p.tired() {
			continue
		}
		if err == nil && p.ended.Add(1) == 1 { // the second end is passed on by closing
			err = closeWrite(dst)
		}
		if err != nil {
			reset(p.front)
			reset(p.back)
		}
		return
	}
}

var began = time.Now()

func (p *pair) touch() { p.touched.Store(int64(time.Since(began))) }

// tired is whether the pair was idle for too long. A way that waits for a slow reader tells of nothing for as long as it does,
// so the kernel is asked too before it is cut.
func (p *pair) tired() bool {
	if time.Since(began)-time.Duration(p.touched.Load()) < p.idle {
		return false
	}
	if moved := acknowledged(p.front) + acknowledged(p.back); p.moved.Swap(moved) != moved {
		p.touch()
		return false
	}
	return true
}

// closeWrite tells the other side that nothing more comes.
func closeWrite(c net.Conn) error {
	if c, ok := c.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return c.Close()
}
