package proxy

import (
	"errors"
	"io"
	"os"
	"time"
)

// upload carries what is left of a request's body to the target while the answer may be coming already. A nil upload has
// nothing to carry.
type upload struct {
	x    *exchange
	link *link
	done chan struct{}
	err  error
	out  []byte // chunks that are to be written
	// failed is why they could not be.
	failed error
}

// send sends the request's head, with the body when that is there already; otherwise the body follows by itself.
func (x *exchange) send(l *link) (*upload, error) {
	x.out = x.outgoing(x.out[:0])
	if x.body.whole() {
		content := x.body.content()
		x.record.received = int64(len(content))
		x.out = append(x.out, content...)
		return nil, l.write(x.out, x.idle())
	}
	if err := l.write(x.out, x.idle()); err != nil {
		return nil, err
	}
	up := &upload{x: x, link: l, done: make(chan struct{})}
	go up.run()
	return up, nil
}

func (u *upload) run() {
	defer close(u.done)
	u.err = u.carry()
	var client errClient
	if errors.As(u.err, &client) {
		_ = u.link.conn.Close() // the target is not to take half for the whole
	}
}

// carry reads pieces from the client and writes them to the target.
func (u *upload) carry() error {
	x, l := u.x, u.link
	inChunks := x.req.framing.kind == chunked
	lean, _ := x.body.(*body) // which tells before it waits
	if inChunks {
		room := take(medium)
		defer give(room)
		u.out = room[:0]
		if lean != nil {
			lean.before = u
		}
	}
	for {
		if b := lean; b != nil && !inChunks && b.left >= spliceFrom && b.from.r == b.from.w && canSplice(&l.end, b.from) {
			moved, err := splice(&l.end, b.from, b.left, x.idle(), x.idle())
			b.left -= moved
			x.record.received += moved
			if errors.Is(err, errStuck) {
				return err
			}
			if err != nil {
				return errClient{err}
			}
		}
		p, err := x.body.next()
		if err == io.EOF {
			if inChunks {
				u.out = append(u.out, "0\r\n\r\n"...)
			}
			return u.flush()
		}
		if u.failed != nil {
			return u.failed
		}
		if err != nil {
			return errClient{err}
		}
		x.record.received += int64(len(p))
		if !inChunks {
			if err := l.write(p, x.idle()); err != nil {
				return err
			}
			continue
		}
		if err := u.gather(p); err != nil {
			return err
		}
		if lean == nil {
			if err := u.flush(); err != nil {
				return err
			}
		}
	}
}

// gather puts a piece into chunks, which are written when there is much of them.
func (u *upload) gather(p []byte) error {
	for len(p) > 0 {
		room := cap(u.out) - len(u.out) - 2*chunkRoom // one of them for the end
		if room < small/4 && room < len(p) {
			if err := u.flush(); err != nil {
				return err
			}
			continue
		}
		piece := p[:min(room, len(p))]
		p = p[len(piece):]
		u.out = appendChunk(u.out, piece)
	}
	return nil
}

func (u *upload) flush() error {
	if len(u.out) == 0 {
		return nil
	}
	u.failed = u.link.write(u.out, u.x.idle())
	u.out = u.out[:0]
	return u.failed
}

// stop ends the upload and tells whether the whole body has been sent.
func (u *upload) stop() bool {
	if u == nil {
		return true
	}
	late := time.NewTimer(tick)
	defer late.Stop()
	select {
	case <-u.done:
	case <-late.C: // the target has answered without having read everything
		_ = u.link.conn.Close()
		u.x.body.interrupt()
		<-u.done
	}
	return u.err == nil
}

// What a client can do wrong with the body of its request.
var (
	errSlow    = errors.New("proxy: the rest of the request did not come for the idle timeout")
	errRequest = errors.New("proxy: the body of the request is malformed")
)

// blame says whose fault it is that the target did not answer: the client's when its body did not come, otherwise what
// receiving says. The upload has been stopped.
func (u *upload) blame(received error) error {
	var client errClient
	if u == nil || !errors.As(u.err, &client) {
		return received
	}
	switch {
	case errors.Is(client.error, errIdle), errors.Is(client.error, os.ErrDeadlineExceeded):
		return errSlow
	case errors.Is(client.error, errBad), errors.Is(client.error, errTooLarge):
		return errRequest
	}
	return errGone
}
