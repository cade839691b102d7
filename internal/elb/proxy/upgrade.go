package proxy

import (
	"io"
	"sync/atomic"
	"time"
)

// upgrade answers with the target's switch of protocols and carries bytes both ways until both ends have closed, or nothing
// has come from either for the idle timeout.
func (x *exchange) upgrade(l *link) error {
	if !x.upgrades() {
		return errBad
	}
	x.record.status, x.record.targetStatus, x.spoiled = 101, 101, true
	c := x.client
	if err := x.req.keep(); err != nil { // the tunnel takes the buffer that it is in
		return err
	}
	head := append(x.out[:0], "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"...)
	for i := range l.answer.fields {
		f := &l.answer.fields[i]
		switch f.known {
		case hop, connection, contentLength, transferEncoding, te:
			continue
		}
		head = append(append(append(append(head, l.answer.name(f)...), ": "...), l.answer.value(f)...), crlf...)
	}
	l.r, l.keep = l.answer.size, 0
	if err := c.write(append(head, crlf...), x.idle()); err != nil {
		return errClient{err}
	}
	t := &tunnel{idle: x.idle()}
	t.touch()
	back := make(chan struct{})
	go func() {
		defer close(back)
		x.record.sent += t.carry(c, &l.end)
	}()
	x.record.received += t.carry(&l.end, c)
	<-back
	return nil
}

// tunnel carries bytes that are no longer HTTP.
type tunnel struct {
	idle time.Duration
	last atomic.Int64 // when bytes came, from either end
}

func (t *tunnel) touch() { t.last.Store(time.Now().UnixNano()) }

// carry carries what one end sends to the other until it ends. A connection at rest holds no buffer.
func (t *tunnel) carry(to, from *end) (moved int64) {
	for {
		n, err := t.once(to, from)
		moved += n
		if err != nil {
			if half, ok := to.conn.(interface{ CloseWrite() error }); ok && err == io.EOF && half.CloseWrite() == nil {
				return moved
			}
			_, _ = to.conn.Close(), from.conn.Close()
			return moved
		}
	}
}

func (t *tunnel) once(to, from *end) (int64, error) {
	if from.r == from.w {
		if err := t.await(from); err != nil {
			return 0, err
		}
	}
	p := from.buf[from.r:from.w]
	full := from.w == len(from.buf)
	from.r = from.w
	t.touch()
	if err := to.write(p, t.idle); err != nil {
		return 0, err
	}
	moved := int64(len(p))
	if full && canSplice(to, from) {
		n, err := splice(to, from, pipeSize, tick, t.idle)
		moved += n
		if t.touch(); err != nil && err != errIdle {
			return moved, err
		}
	}
	return moved, nil
}

// await reads what comes next.
func (t *tunnel) await(from *end) error {
	from.keep, from.r, from.w = 0, 0, 0
	err := from.more(min(t.idle, tick), nil)
	if err != errIdle {
		return err
	}
	from.release()
	var one [1]byte
	for {
		left := t.idle - time.Since(time.Unix(0, t.last.Load()))
		if left <= 0 {
			return errIdle
		}
		n, err := from.read(one[:], left, nil)
		if n == 1 {
			if err := from.room(); err != nil {
				return err
			}
			from.buf[0], from.w = one[0], 1
			return nil
		}
		if err != errIdle {
			return err
		}
	}
}
