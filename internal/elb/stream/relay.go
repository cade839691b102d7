package stream

import (
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// relay passes bytes between two connections, both ways, until both sides have ended, one breaks, or nothing passes for the
// idle time. Then it closes both; when they did not end by themselves, so that both sides see that they are broken.
func relay(front, back net.Conn, idle time.Duration) {
	p := &pair{front: front, back: back, idle: idle}
	p.touch()
	p.timer = time.AfterFunc(math.MaxInt64, p.watch)
	p.timer.Reset(idle / looks)
	var other sync.WaitGroup
	other.Go(func() { p.pass(front, back) })
	p.pass(back, front)
	other.Wait()
	p.over.Store(true)
	p.timer.Stop()
	front.Close()
	back.Close()
}

// looks is how often in its idle time a pair is looked at.
const looks = 4

// pair is two connections between which bytes are passed.
type pair struct {
	front, back net.Conn
	idle        time.Duration
	timer       *time.Timer
	over        atomic.Bool
	ended       atomic.Int32 // ways
	touched     atomic.Int64 // when something passed last: nanoseconds since began
	moved       uint64       // by the kernel's count, when watch looked last
}

// pass passes bytes one way until the end of what src sends.
func (p *pair) pass(dst, src net.Conn) {
	err := transfer(dst, src, p.touch)
	if err == nil && p.ended.Add(1) == 1 { // the second end is passed on by closing
		err = closeWrite(dst)
	}
	if err != nil {
		p.breakOff()
	}
}

// breakOff ends both connections, and so both ways.
func (p *pair) breakOff() {
	reset(p.front)
	reset(p.back)
}

// watch breaks a pair off that was idle for too long.
func (p *pair) watch() {
	if p.over.Load() {
		return
	}
	if p.tired() {
		p.breakOff()
		return
	}
	if p.timer.Reset(p.idle / looks); p.over.Load() {
		p.timer.Stop()
	}
}

var began = time.Now()

func (p *pair) touch() { p.touched.Store(int64(time.Since(began))) }

// tired is whether the pair was idle for too long. A way that waits for a slow reader tells of nothing for as long as it does,
// so the kernel is asked too.
func (p *pair) tired() bool {
	if time.Since(began)-time.Duration(p.touched.Load()) < p.idle {
		return false
	}
	moved := acknowledged(p.front) + acknowledged(p.back)
	if moved == p.moved {
		return true
	}
	p.moved = moved
	p.touch()
	return false
}

// closeWrite tells the other side that nothing more comes.
func closeWrite(c net.Conn) error {
	if c, ok := c.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return c.Close()
}
