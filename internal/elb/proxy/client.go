package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// client is a client's connection that speaks HTTP/1.1. One goroutine serves it, one request after the other.
type client struct {
	end
	proxy  *Proxy
	socket net.Conn // as it was accepted: under TLS if that is there
	at     balancer.Address
	remote netip.AddrPort
	port   uint16
	opened time.Time
	state  atomic.Int32

	exchange exchange
	body     body
	answer   answer
	one      [1]byte

	old atomic.Bool // it has been open for as long as it may
	// Of one that speaks HTTP/2: who serves it, and what is closed when it is over.
	speaker atomic.Pointer[speaker]
	over    chan struct{}
}

// The states of a client's connection. An idle one may be closed by anybody who makes it closed.
const (
	idle int32 = iota
	busy
	closed
)

func newClient(p *Proxy, conn net.Conn, at balancer.Address) *client {
	c := &client{proxy: p, socket: conn, at: at, opened: time.Now()}
	c.remote, c.port = addrPort(conn.RemoteAddr()), addrPort(conn.LocalAddr()).Port()
	return c
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	}
	if a == nil {
		return netip.AddrPort{}
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return ap
}

// stop closes the connection when it carries no request, or now.
func (c *client) stop(now bool) {
	if c.state.CompareAndSwap(idle, closed) || now {
		_ = c.socket.Close()
	}
}

// serve serves the connection until it is closed.
func (c *client) serve() {
	defer func() { _ = c.socket.Close() }()
	x := &c.exchange
	x.proxy, x.at, x.port, x.ctx = c.proxy, c.at, c.port, context.Background()
	if c.port == 0 {
		x.port = c.proxy.setup.Load().listener.Port
	}
	conn, ok := c.secure()
	if !ok {
		return
	}
	if x.req.tls != nil && x.req.tls.NegotiatedProtocol == "h2" {
		c.serveHTTP2(conn)
		return
	}
	c.end.open(conn)
	defer c.release()
	x.req.client, x.req.version = c.remote, 1
	for c.await() && c.once() {
	}
}

// await waits for the first byte of a request. One that waits for long holds no buffer.
func (c *client) await() bool {
	if c.r < c.w {
		return c.state.Load() == busy || c.state.CompareAndSwap(idle, busy)
	}
	c.keep, c.r, c.w = 0, 0, 0
	timeout := c.proxy.setup.Load().idle
	if !c.state.CompareAndSwap(busy, idle) && c.state.Load() == closed {
		return false
	}
	if c.proxy.closing.Load() {
		return false
	}
	err := c.more(min(timeout, tick), nil)
	if err == errIdle && timeout > tick {
		c.release()
		var n int
		if n, err = c.read(c.one[:], timeout-tick, nil); n == 1 {
			if err = c.room(); err == nil {
				c.buf[0], c.w = c.one[0], 1
			}
		}
	}
	return err == nil && c.state.CompareAndSwap(idle, busy)
}

// once serves one request and tells whether another may follow.
func (c *client) once() bool {
	x := &c.exchange
	x.begin(c.proxy.setup.Load())
	x.client, x.sink, x.body, x.vigil = &c.end, &c.answer, &c.body, vigil{&c.end, &c.end.last}
	scratch := take(medium)
	defer func() {
		give(scratch)
		x.out, c.answer.out = nil, nil
	}()
	x.out = scratch[:0]
	c.answer.start(c, scratch)
	if err := c.readHead(); err != nil {
		if status := statusOf(err); status != 0 {
			x.req.unread()
			x.spoiled = true
			x.fail(status)
			x.log()
			c.linger()
		}
		return false
	}
	x.run()
	x.log()
	if x.broken {
		return false
	}
	if c.body.whole() {
		c.body.skip()
	}
	if x.spoiled || !c.body.ended() || !c.answer.keeps {
		c.linger()
		return false
	}
	c.keep = 0
	return true
}

// readHead reads and parses the head of a request, and puts it at the front of the buffer. The time for all of it is the
// idle timeout, however slowly it drips.
func (c *client) readHead() error {
	x := &c.exchange
	by := time.Now().Add(x.idle())
	for seen := 0; ; {
		for c.r < c.w && (c.buf[c.r] == '\r' || c.buf[c.r] == '\n') { // empty lines before a request (RFC 9112, 2.2)
			c.r++
		}
		if c.r > 0 {
			c.w = copy(c.buf, c.buf[c.r:c.w])
			c.r = 0
		}
		if c.w > 0 && !isToken(c.buf[:1]) {
			return c.exchange.req.refuse("BadMethod")
		}
		if size := headEnd(c.buf[:c.w], seen); size > 0 {
			return c.parse(size)
		}
		if seen = c.w; seen > maxLine && bytes.IndexByte(c.buf[:seen], '\n') < 0 {
			return errURI
		}
		if seen > maxRequestHead {
			return errTooLarge
		}
		left := time.Until(by)
		if left <= 0 {
			return errIdle
		}
		if err := c.more(left, nil); err != nil {
			return err
		}
	}
}

func (c *client) parse(size int) error {
	r := &c.exchange.req
	if size > maxRequestHead {
		return errTooLarge
	}
	if err := r.parseRequest(c.buf[:c.w], size); err != nil {
		return err
	}
	size = r.head.size
	// What follows is read behind the head, which stays where it is until the request is answered.
	reserve := size
	switch {
	case r.framing.kind == chunked:
		reserve += small
	case r.framing.kind == ofLength && r.framing.length > 0:
		reserve += small / 4
	}
	if reserve > len(c.buf) {
		if err := c.reserve(reserve); err != nil {
			return err
		}
		r.buf = c.buf
	}
	if err := r.resolve(); err != nil {
		return err
	}
	c.keep, c.r = size, size
	c.body.start(&c.end, r.framing, c.exchange.idle(), nil)
	return nil
}

// statusOf is the status by which a request is refused that cannot be read; 0: the connection is closed without a word.
func statusOf(err error) int {
	switch {
	case errors.Is(err, errURI):
		return 414
	case errors.Is(err, errVersion):
		return 505
	case errors.Is(err, errEncoding):
		return 501
	case errors.Is(err, errBad), errors.Is(err, errTooLarge):
		return 400
	case errors.Is(err, errIdle):
		return 408
	case errors.Is(err, io.EOF):
		return 0
	}
	return 0
}
