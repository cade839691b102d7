package logship

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/spool"
	"github.com/berth-dev/berth/internal/agent/task"
)

// follower ships the output of one container: one goroutine reads, sends and keeps account.
type follower struct {
	*Shipper
	log      task.Log
	to       *destination
	done     chan struct{} // closed when run ends
	ctx      context.Context
	cancel   context.CancelFunc
	draining context.Context // ends when Drain has been called
	drain    func()

	spool  *spool.Reader
	joiner joiner
	queue  []event // read and not yet sent
	ended  bool    // the spool has nothing more

	shipped   uint64 // offset up to which all is sent
	saved     uint64 // offset that the database has
	unsaved   int    // bytes sent since then
	lost      uint64 // lines that the spool dropped, as told last
	lastBatch time.Time
	complaint complaint
}

func newFollower(s *Shipper, l task.Log) *follower {
	f := &follower{Shipper: s, log: l, done: make(chan struct{})}
	f.ctx, f.cancel = context.WithCancel(s.ctx)
	draining, drain := context.WithCancel(f.ctx)
	f.draining, f.drain = draining, sync.OnceFunc(drain)
	f.complaint.log = s.Logger.With("task", l.Task, "container", l.Container)
	return f
}

// run ships until the spool's end. What stands in the way on this machine, such as a full disk, is waited out: the spool
// keeps the lines, and the service knows which it has.
func (f *follower) run() {
	defer close(f.done)
	defer f.cancel()
	to, err := f.destination(f.log)
	if err != nil {
		f.complaint.log.Error("the output of a container can't be shipped", "error", err)
		return
	}
	f.to = to
	for wait := (backoff{}); ; {
		err := f.ship()
		switch {
		case err == nil, f.ctx.Err() != nil:
			return
		case errors.Is(err, fs.ErrNotExist):
			f.complaint.log.Error("the output of a container is gone", "error", err)
			return
		}
		f.complaint.about(0, "the output of a container waits: it can't be read, or noted down as shipped, now", err)
		if wait.sleep(f.ctx) != nil {
			return
		}
	}
}

// ship ships from what the database knows on to the spool's end.
func (f *follower) ship() error {
	if err := f.open(); err != nil {
		return err
	}
	defer f.spool.Close()
	for {
		b, err := f.next()
		if err != nil {
			return err
		}
		if len(b.events) > 0 {
			if err := f.send(b); err != nil {
				return err
			}
			f.lastBatch = time.Now()
		}
		f.shipped = max(f.shipped, b.end)
		f.unsaved += b.bytes
		if f.unsaved >= saveBytes || f.finished() {
			if err := f.save(); err != nil {
				return err
			}
		}
		if f.finished() {
			return nil
		}
	}
}

func (f *follower) open() error {
	offset, err := f.Offsets.Offset(f.log.Task, f.log.Container)
	if err != nil {
		return err
	}
	f.shipped, f.saved, f.unsaved = uint64(offset), uint64(offset), 0
	f.joiner, f.queue, f.ended, f.lost = joiner{}, nil, false, 0
	f.spool, err = spool.Open(f.log.Dir, f.shipped)
	return err
}

func (f *follower) finished() bool { return f.ended && len(f.queue) == 0 }

// next returns what is there, up to a batch. Its range ends before what is still in the queue or in pieces.
func (f *follower) next() (batch, error) {
	b := batch{end: f.shipped}
	if len(f.queue) == 0 && !f.ended {
		if err := f.read(f.await); err != nil {
			return b, err
		}
		f.pace()
	}
	for {
		for len(f.queue) > 0 {
			e := f.queue[0]
			if e.text != "" {
				if !b.takes(e) {
					return b, nil
				}
				b.add(e)
			}
			b.end = e.end
			f.queue = f.queue[1:]
		}
		if f.ended {
			return b, nil
		}
		if err := f.read(f.take); errors.Is(err, errNothing) {
			return b, nil
		} else if err != nil {
			return b, err
		}
	}
}

// errNothing: there are no lines now.
var errNothing = errors.New("nothing to read")

var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// read adds to the queue what from finds.
func (f *follower) read(from func(lines []spool.Line) (int, error)) error {
	lines := make([]spool.Line, linesAtOnce)
	n, err := from(lines)
	for _, l := range lines[:n] {
		f.queue = append(f.queue, f.joiner.add(l)...)
	}
	f.tellLost()
	if errors.Is(err, io.EOF) {
		f.ended = true
		f.queue = f.joiner.close(f.queue)
		return nil
	}
	return err
}

// take finds the lines that are there now; errNothing when there are none.
func (f *follower) take(lines []spool.Line) (int, error) {
	n, err := f.spool.Read(ended, lines)
	if errors.Is(err, context.Canceled) {
		err = errNothing
	}
	return n, err
}

// await waits for lines, and saves what is shipped when none come for a while. A spool that is being drained and stays
// silent is taken for complete.
func (f *follower) await(lines []spool.Line) (int, error) {
	if f.shipped > f.saved {
		n, err := f.readFor(saveIdle, lines)
		if !errors.Is(err, context.DeadlineExceeded) || n > 0 {
			return n, err
		}
		if err := f.save(); err != nil {
			return 0, err
		}
	}
	n, err := f.spool.Read(f.draining, lines)
	if !errors.Is(err, context.Canceled) || f.ctx.Err() != nil {
		return n, err
	}
	n, err = f.readFor(f.Idle, lines)
	if n == 0 && errors.Is(err, context.DeadlineExceeded) {
		return 0, io.EOF
	}
	return n, err
}

func (f *follower) readFor(timeout time.Duration, lines []spool.Line) (int, error) {
	ctx, cancel := context.WithTimeout(f.ctx, timeout)
	defer cancel()
	return f.spool.Read(ctx, lines)
}

// pace waits until it is time for the next batch, which takes in what is printed meanwhile.
func (f *follower) pace() {
	wait := f.Every - time.Since(f.lastBatch)
	if wait <= 0 || f.ended {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.draining.Done():
	}
}

// When the offset is saved: after so many bytes, or when nothing was printed for so long.
const (
	saveBytes = 256 << 10
	saveIdle  = 200 * time.Millisecond
)

// save writes down how far the output is shipped, then lets the spool forget it.
func (f *follower) save() error {
	f.unsaved = 0
	if f.shipped == f.saved {
		return nil
	}
	var b db.Batch
	b.PutOffset(f.log.Task, f.log.Container, int64(f.shipped))
	if err := f.Offsets.Write(f.ctx, b); err != nil {
		return err
	}
	f.saved = f.shipped
	return f.spool.Release(f.saved)
}

// tellLost tells of lines that the spool dropped since the last time.
func (f *follower) tellLost() {
	if lost := f.spool.Lost(); lost > f.lost {
		f.complaint.about(lost-f.lost, "a container printed faster than its output could be shipped: lines were dropped", nil)
		f.lost = lost
	}
}
