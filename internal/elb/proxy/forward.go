package proxy

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

// tries is how many targets a request is sent to until one answers.
const tries = 3

// forward sends the request to a target of the rule's groups and relays its answer. A request is tried again, elsewhere if
// there is another target, as long as no target can have begun to work on it, or it may be repeated (RFC 9110, 9.2.2).
func (x *exchange) forward(f *balancer.Forward) {
	want, status := x.choose(f)
	if status != 0 {
		x.fail(status)
		return
	}
	fresh := false
	for try := 1; ; try++ {
		t, err := x.group.Pick(want)
		if err != nil {
			x.fail(503)
			return
		}
		x.record.target = t.Key()
		if x.group.Spec().Version == balancer.HTTP2 || x.group.Spec().Version == balancer.GRPC {
			err = x.attemptHTTP2(t)
		} else {
			err = x.attempt(t, fresh)
		}
		t.End()
		var again errAgain
		if err == nil || x.record.status != 0 {
			return
		}
		if errors.As(err, &again) && (try < tries || again.stale) && try < 3*tries {
			want.Avoid, fresh = t, true
			continue
		}
		x.fault(err)
		return
	}
}

// errAgain is a failure after which the request may be sent to another target.
type errAgain struct {
	error
	stale bool // of a connection that had lain idle: says nothing about the target
}

func (e errAgain) Unwrap() error { return e.error }

// fault answers for a target that did not.
func (x *exchange) fault(err error) {
	var timeout net.Error
	switch {
	case errors.Is(err, errGone):
		x.spoiled = true
		x.record.status = 460
	case errors.Is(err, errSlow):
		x.fail(408)
	case errors.Is(err, errRequest):
		x.fail(400)
	case errors.Is(err, errIdle), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		x.fail(504)
	default:
		x.fail(502)
	}
}

// attempt sends the request to one target by HTTP/1.1 and relays the answer. An error that comes before the answer has begun
// leaves the client to the caller.
func (x *exchange) attempt(t *target.Target, fresh bool) error {
	p := x.proxy.pool(t)
	l, err := p.get(x.ctx, x, fresh)
	if err != nil {
		return errAgain{error: err}
	}
	undo := x.whenGone(l)
	up, err := x.send(l)
	x.record.sentAt = time.Since(x.record.began)
	if err == nil {
		err = x.receive(l)
	}
	sent := up.stop()
	if err != nil {
		err = up.blame(err)
	}
	closed := undo()
	if x.record.status != 0 && (err != nil || !sent) {
		x.spoiled, x.broken = true, err != nil
	}
	if closed || err != nil || !sent || !x.reusable(l) {
		err = x.blame(err, l)
		p.drop(l)
		return err
	}
	p.put(l, x.idle())
	return nil
}

// whenGone closes the link when the client's context ends. What it returns undoes that, and tells whether it was closed.
func (x *exchange) whenGone(l *link) func() bool {
	if x.client != nil {
		return func() bool { return false }
	}
	stop := context.AfterFunc(x.ctx, func() { _ = l.conn.Close() })
	return func() bool { return !stop() }
}

// reusable is whether the link can carry another request.
func (x *exchange) reusable(l *link) bool {
	return l.answer.minor > 0 && !l.answer.options.close && l.answer.tier < ambiguous && x.req.tier < ambiguous &&
		l.body.ended() && l.r == l.w
}

// blame says of an error whether the request may be tried again.
func (x *exchange) blame(err error, l *link) error {
	switch {
	case err == nil, x.record.status != 0:
		return err
	case x.client == nil && x.ctx.Err() != nil:
		return errGone
	case errors.Is(err, errGone), errors.Is(err, errIdle), errors.Is(err, errSlow), errors.Is(err, errRequest), !x.body.whole():
		return err
	case errors.Is(err, errUnsent), l.w == 0 && isIdempotent(x.req.method) && !errors.Is(err, errBad), l.unheard(err, len(x.out)):
		return errAgain{err, l.reused}
	}
	return err
}

// errUnsent says that not one byte of the request has been sent.
var errUnsent = errors.New("proxy: the connection was closed before the request was sent")

func isIdempotent(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return false
}
