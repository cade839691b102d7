package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

// attemptHTTP2 sends the request to a target that speaks HTTP/2, and relays the answer.
func (x *exchange) attemptHTTP2(t *target.Target) error {
	s := x.sink.(*stream)
	k := x.proxy.trunk(t, x.group.Spec(), x.at)
	k.use(1)
	defer k.use(-1)
	ctx, cancel := context.WithCancelCause(x.ctx)
	defer cancel(nil)
	rest := time.AfterFunc(x.idle(), func() { cancel(errIdle) })
	defer rest.Stop()
	body := &sent{stream: s, rest: rest, idle: x.idle()}
	request, err := x.outgoingHTTP2(ctx, body)
	if err != nil {
		return err
	}
	x.record.sentAt = time.Since(x.record.began)
	answer, err := k.transport.RoundTrip(request)
	if err == nil {
		rest.Reset(x.idle())
		x.record.first = time.Since(x.record.began)
		err = x.relayHTTP2(answer, rest)
		_ = answer.Body.Close()
	}
	x.record.received = body.count.Load()
	if t.Left() || k.old.Load() {
		k.transport.CloseIdleConnections()
	}
	if err == nil {
		return nil
	}
	var client errClient
	var dial errDial
	switch cause := context.Cause(ctx); {
	case x.record.status != 0:
		x.broken = true
		return err
	case x.ctx.Err() != nil, errors.As(err, &client):
		return errGone
	case cause != nil:
		return cause
	case errors.As(err, &dial), isIdempotent(x.req.method) && body.count.Load() == 0 && s.whole():
		return errAgain{error: err}
	}
	return err
}

// outgoingHTTP2 is the request as it goes to the target: the fields that an HTTP/1.1 target would get.
func (x *exchange) outgoingHTTP2(ctx context.Context, body *sent) (*http.Request, error) {
	var h head
	x.out = x.outgoing(x.out[:0])
	if err := h.parseRequest(x.out, len(x.out)); err != nil {
		return nil, err
	}
	scheme := "http"
	if x.group.Spec().Protocol == balancer.HTTPS {
		scheme = "https"
	}
	r := &http.Request{Method: string(x.req.method), Header: make(http.Header, len(h.fields)), ProtoMajor: 2,
		URL: &url.URL{Scheme: scheme, Host: "target", Opaque: ""}, Trailer: body.stream.r.Trailer}
	at, err := url.ParseRequestURI(string(x.req.target))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBad, err)
	}
	at.Scheme, at.Host = r.URL.Scheme, r.URL.Host
	r.URL = at
	for i := range h.fields {
		f := &h.fields[i]
		switch f.known {
		case host:
			r.Host = string(h.value(f))
		case contentLength, transferEncoding, connection, upgrade:
		default:
			r.Header.Add(string(h.name(f)), string(h.value(f)))
		}
	}
	if x.req.hasTrailers() {
		r.Header.Set("Te", "trailers")
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header["User-Agent"] = nil
	}
	if r.ContentLength = body.stream.r.ContentLength; !body.stream.over.Load() {
		r.Body, r.GetBody = body, body.again
	}
	return r.WithContext(ctx), nil
}

// hasTrailers is whether the client takes trailers (RFC 9110, 10.1.4); gRPC demands it.
func (r *request) hasTrailers() bool {
	for i := range r.fields {
		if f := &r.fields[i]; f.known == te && hasToken(r.value(f), "trailers") {
			return true
		}
	}
	return false
}

// relayHTTP2 passes the answer on to the client.
func (x *exchange) relayHTTP2(answer *http.Response, rest *time.Timer) error {
	s := x.sink.(*stream)
	x.record.targetStatus = answer.StatusCode
	x.reply.status, x.reply.header, x.reply.framing = answer.StatusCode, answer.Header, framing{kind: chunked}
	x.stick(x.record.target, setsCookie(answer, x.group.Spec().Stickiness.Cookie))
	if answer.ContentLength >= 0 {
		x.reply.framing = framing{ofLength, answer.ContentLength}
	}
	if _, ok := answer.Header["Content-Length"]; !ok && answer.Body == http.NoBody {
		x.reply.framing.kind = empty
	}
	x.record.status = answer.StatusCode
	if err := s.begin(&x.reply); err != nil {
		return errClient{err}
	}
	buf := take(medium)
	defer give(buf)
	if answer.Body != http.NoBody && answer.ContentLength < 0 {
		if err := s.flush(); err != nil { // a stream may say nothing for long
			return errClient{err}
		}
	}
	for {
		n, err := answer.Body.Read(buf)
		rest.Reset(x.idle())
		if n > 0 {
			x.record.sent += int64(n)
			if err := s.data(buf[:n]); err != nil {
				return errClient{err}
			}
			if n < len(buf) {
				if err := s.flush(); err != nil {
					return errClient{err}
				}
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	for name, values := range answer.Trailer {
		s.w.Header()[http.TrailerPrefix+name] = values
	}
	return nil
}

func setsCookie(answer *http.Response, name string) bool {
	for _, line := range answer.Header["Set-Cookie"] {
		if key, _, ok := bytes.Cut([]byte(line), []byte("=")); ok && name != "" && string(trim(key)) == name {
			return true
		}
	}
	return false
}
