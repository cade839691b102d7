package proxy

import (
	"io"
	"time"
)

// receive reads the answer and relays it.
func (x *exchange) receive(l *link) error {
	for {
		if err := x.receiveHead(l); err != nil {
			return err
		}
		if x.record.first == 0 {
			x.record.first = time.Since(x.record.began)
		}
		status := l.answer.status()
		if status == 101 {
			return x.upgrade(l)
		}
		if status >= 200 {
			break
		}
		if x.req.minor > 0 {
			if err := x.sink.interim(&l.answer); err != nil {
				return errClient{err}
			}
		}
		l.keep, l.r = 0, l.answer.size
	}
	x.record.targetStatus = l.answer.status()
	x.reply.status, x.reply.fields, x.reply.framing = l.answer.status(), &l.answer, l.answer.framing
	x.stick(l.pool.target.Key(), l.answer.sets(x.group.Spec().Stickiness.Cookie))
	x.record.status = x.reply.status
	if err := x.sink.begin(&x.reply); err != nil {
		return errClient{err}
	}
	l.keep = 0
	if err := x.relay(l); err != nil {
		return err
	}
	if err := x.sink.finish(&l.body.trailers); err != nil {
		return errClient{err}
	}
	return nil
}

// receiveHead reads the head of the next response and puts it at the front of the buffer.
func (x *exchange) receiveHead(l *link) error {
	if l.r > 0 {
		l.w = copy(l.buf, l.buf[l.r:l.w])
		l.r = 0
	}
	for seen := 0; ; {
		end := headEnd(l.buf[:l.w], seen)
		if end > maxResponseHead {
			return errTooLarge
		}
		if end > 0 {
			if err := l.answer.parseResponse(l.buf[:l.w], end); err != nil {
				return err
			}
			l.keep, l.r = end, end
			if err := l.answer.frameResponse(x.req.method); err != nil {
				return err
			}
			l.body.start(&l.end, l.answer.framing, x.idle(), &x.vigil)
			return nil
		}
		if seen = l.w; seen > maxResponseHead {
			return errTooLarge
		}
		if err := l.more(x.idle(), &x.vigil); err != nil {
			if err == io.EOF && l.w > 0 {
				return errBad
			}
			return err
		}
	}
}

// relay carries the target's body to the client. What has come goes on before more is waited for.
func (x *exchange) relay(l *link) error {
	l.body.before = x
	for {
		if x.mayCarry(&l.body) {
			to := x.sink.end()
			if err := x.flush(); err != nil {
				return err
			}
			moved, err := splice(to, &l.end, l.body.left, x.idle(), x.idle())
			x.record.sent += moved
			l.body.left -= moved
			if err != nil {
				return err
			}
		}
		p, err := l.body.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		x.record.sent += int64(len(p))
		if err := x.sink.data(p); err != nil {
			return errClient{err}
		}
	}
}

func (x *exchange) flush() error {
	if err := x.sink.flush(); err != nil {
		return errClient{err}
	}
	return nil
}

// mayCarry is whether what is left of the body is worth the kernel's carrying, and both ends allow it.
func (x *exchange) mayCarry(b *body) bool {
	if b.from.r < b.from.w || b.kind != ofLength || b.left < spliceFrom || x.reply.framing.kind != ofLength {
		return false
	}
	to := x.sink.end()
	return to != nil && canSplice(to, b.from)
}

// errClient is a fault at the client's end.
type errClient struct{ error }
