package logship

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/spool"
)

// follower ships the output of one container: one goroutine reads, sends and keeps account.
type follower struct {
	*Shipper
	source   logdriver.Source
	sink     logdriver.Sink
	limits   logdriver.Limits
	done     chan struct{} // closed when run ends
	ctx      context.Context
	cancel   context.CancelFunc
	draining context.Context // ends when Drain has been called
	drain    func()

	spool  *spool.Reader
	joiner joiner
	queue  []logdriver.Event // read and not yet sent
	heldTo time.Time         // when an event of several lines is complete without another
	ended  bool              // the spool has nothing more

	shipped   uint64 // offset up to which all is sent
	saved     uint64 // offset that the database has
	unsaved   int    // bytes sent since then
	lost      uint64 // lines that the spool dropped, as told last
	lastBatch time.Time
	complaint complaint

	givenUp     bool      // what is left is dropped
	drainedFrom time.Time // when draining was first in the way of waiting
}

func newFollower(s *Shipper, l logdriver.Source) *follower {
	f := &follower{Shipper: s, source: l, done: make(chan struct{})}
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
	if err := f.connect(); err != nil {
		f.complaint.log.Error("the output of a container can't be shipped", "error", err)
		return
	}
	defer f.sink.Close()
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
		if wait.sleep(f.ctx, f.draining) != nil {
			return
		}
	}
}

// connect opens the way to the backend, once the options that are secrets can be read.
func (f *follower) connect() error {
	driver, err := f.driver(f.source)
	if err != nil {
		return err
	}
	for wait, trying := (backoff{}), time.Now(); ; {
		source, err := f.source.WithSecrets(f.ctx)
		if err == nil {
			f.sink, err = driver.Open(source)
			if err == nil {
				f.limits = f.sink.Limits()
			}
			return err
		}
		f.limits.Patience = logdriver.Patience
		f.complaint.about(0, "the output of a container waits: the secrets of its log options can't be read now", err)
		if f.outOfPatience(trying) || wait.sleep(f.ctx, f.draining) != nil {
			return err
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
		if len(b.Events) > 0 {
			if err := f.send(b.Batch); err != nil {
				return err
			}
			f.lastBatch = time.Now()
		}
		f.shipped = max(f.shipped, b.End)
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
	offset, err := f.Offsets.Offset(f.source.Task, f.source.Container)
	if err != nil {
		return err
	}
	f.shipped, f.saved, f.unsaved = uint64(offset), uint64(offset), 0
	f.joiner, f.queue, f.ended, f.lost = joiner{Limits: f.limits}, nil, false, 0
	f.spool, err = spool.Open(f.source.Dir, f.shipped)
	return err
}

func (f *follower) finished() bool { return f.ended && len(f.queue) == 0 }

// next returns what is there, up to a batch. Its range ends before what is still in the queue or in pieces.
func (f *follower) next() (batch, error) {
	var b batch
	b.End = f.shipped
	if len(f.queue) == 0 && !f.ended {
		if err := f.read(f.await); err != nil {
			return b, err
		}
		f.pace()
	}
	for {
		for len(f.queue) > 0 {
			e := f.queue[0]
			if e.Text != "" || !f.limits.NoEmpty {
				if !b.takes(e, f.limits) {
					return b, nil
				}
				b.add(e, f.limits)
			}
			b.End = e.End
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
	if n > 0 {
		f.heldTo = time.Now().Add(f.limits.Hold)
	}
	f.tellLost()
	if errors.Is(err, io.EOF) {
		f.ended = true
		f.queue = append(f.queue, f.joiner.close()...)
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

// await waits for lines, and saves what is shipped when none come for a while. An event that waits for more lines is
// complete when none come. A spool that is being drained and stays
// silent is taken for complete.
func (f *follower) await(lines []spool.Line) (int, error) {
	if f.joiner.holds() {
		n, err := f.readFor(time.Until(f.heldTo), lines)
		if n == 0 && errors.Is(err, context.DeadlineExceeded) {
			f.queue = append(f.queue, f.joiner.release()...)
			err = nil
		}
		return n, err
	}
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
