package proxy

import (
	"errors"
	"io"
	"os"
	"strconv"
	"time"
)

// upload carries what is left of a request's body to the target while the answer may be coming already. A nil upload has
// nothing to carry.
type upload struct {
	x    *exchange
	link *link
	done chan struct{}
	err  error
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
	out := take(medium)[:0]
	defer func() { give(out) }()
	for {
		if b, ok := x.body.(*body); ok && !inChunks && b.left >= spliceFrom && b.from.r == b.from.w && canSplice(&l.end, b.from) {
			moved, err := splice(&l.end, b.from, b.left, x.idle())
			b.left -= moved
			x.record.received += moved
			if err != nil {
				if x.client.gone() {
					return errClient{err}
				}
				return err
			}
		}
		p, err := x.body.next()
		if err == io.EOF {
			if inChunks {
				return l.write(append(out[:0], "0\r\n\r\n"...), x.idle())
			}
			return nil
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
		out = strconv.AppendInt(out[:0], int64(len(p)), 16)
		out = append(append(append(out, crlf...), p...), crlf...)
		if err := l.write(out, x.idle()); err != nil {
			return err
		}
	}
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
