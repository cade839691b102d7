package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

// link is a connection to a target that speaks HTTP/1.1. One request uses it at a time.
type link struct {
	end
	pool   *pool
	reused bool      // it has carried a request before
	since  time.Time // of lying idle
	answer head
	body   body
}

// pool holds the connections to one target.
type pool struct {
	target *target.Target

	mu   sync.Mutex
	idle []*link // the one used last is the last
	open map[*link]struct{}
	// users are the requests that have or make a connection.
	users int
	left  bool          // the target takes nothing new
	empty chan struct{} // closed when it has left and nothing is open
	sweep *time.Timer   // closes what has lain idle for too long
}

// dialTimeout is how long an Application Load Balancer tries to connect to a target.
const dialTimeout = 10 * time.Second

// maxIdle bounds the idle connections to a target.
const maxIdle = 1024

// pool finds or makes that of a target.
func (p *Proxy) pool(t *target.Target) *pool {
	return wayTo(p, &p.pools, t, func() *pool {
		return &pool{target: t, open: map[*link]struct{}{}, empty: make(chan struct{})}
	})
}

// watch closes the target's connections when their time has come: idle ones once it takes nothing new, all when it is cut.
func (p *pool) watch(done <-chan struct{}) {
	select {
	case <-p.target.Leaving():
		p.leave()
	case <-done:
		p.leave()
		p.cut()
		return
	}
	select {
	case <-p.empty:
	case <-p.target.Cut():
		p.cut()
	case <-done:
		p.cut()
	}
}

// trusted is for how long a connection may have lain idle that is to carry a request that can't be repeated. Targets close
// what is idle after two seconds, five, or more; a request that meets that on its way is lost.
const trusted = time.Second

// get gives an idle connection that is still good, unless fresh, or makes one. The caller owes a put or a drop.
func (p *pool) get(ctx context.Context, x *exchange, fresh bool) (*link, error) {
	p.mu.Lock()
	p.users++
	for !fresh && len(p.idle) > 0 {
		l := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		p.mu.Unlock()
		if (isIdempotent(x.req.method) || time.Since(l.since) < trusted) && l.quiet() {
			l.reused = true
			return l, nil
		}
		p.forget(l)
		p.mu.Lock()
	}
	p.mu.Unlock()
	conn, err := dial(ctx, p.target, x.group.Spec(), x.at, nil)
	if err != nil {
		p.unuse()
		return nil, err
	}
	l := &link{pool: p}
	l.end.open(conn)
	p.mu.Lock()
	p.open[l] = struct{}{}
	p.mu.Unlock()
	return l, nil
}

// dial connects to a target by the protocol of its group.
func dial(ctx context.Context, t *target.Target, group *balancer.Group, at balancer.Address, alpn []string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := t.Dial(ctx, "tcp", at.IP)
	if err != nil || group.Protocol != balancer.HTTPS {
		return conn, err
	}
	// A load balancer does not check the certificates of its targets.
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, NextProtos: alpn})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS handshake with target %s: %w", t.Key().ID, err)
	}
	return secure, nil
}

// put keeps a connection whose response has been read to its end for the next request.
func (p *pool) put(l *link, idle time.Duration) {
	l.release()
	l.since = time.Now()
	p.mu.Lock()
	keep := !p.left && len(p.idle) < maxIdle
	if keep {
		p.idle = append(p.idle, l)
		if p.sweep == nil {
			p.sweep = time.AfterFunc(idle, func() { p.expire(idle) })
		}
	}
	p.mu.Unlock()
	if !keep {
		p.forget(l)
	}
	p.unuse()
}

// drop closes a connection after its request.
func (p *pool) drop(l *link) {
	p.forget(l)
	p.unuse()
}

func (p *pool) forget(l *link) {
	_ = l.conn.Close()
	l.release()
	p.mu.Lock()
	delete(p.open, l)
	p.mu.Unlock()
}

// unheard is whether the target closed the connection before any of the request's n bytes came there: the segment that told
// so acknowledges all that had come before. So closes a target that has had enough of an idle connection, or shuts down, at
// the moment at which it is used again. After a reset nothing can be said: that acknowledges nothing, whatever was read.
func (l *link) unheard(err error, n int) bool {
	return l.w == 0 && (err == io.EOF || err == io.ErrUnexpectedEOF) && l.look.unheard() >= int64(n)
}

func (p *pool) unuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
	p.tell()
}

// tell says that nothing is open any more. Under mu.
func (p *pool) tell() {
	if p.left && p.users == 0 {
		select {
		case <-p.empty:
		default:
			close(p.empty)
		}
	}
}

// leave closes what is idle; what is in use closes after its request.
func (p *pool) leave() {
	p.mu.Lock()
	p.left = true
	idle := p.idle
	p.idle = nil
	if p.sweep != nil {
		p.sweep.Stop()
	}
	p.tell()
	p.mu.Unlock()
	for _, l := range idle {
		p.forget(l)
	}
}

// cut closes all connections, whatever they carry. Those that use them find out.
func (p *pool) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.open {
		_ = l.conn.Close()
	}
}

// expire closes what has lain idle for that long, and comes again while something is left.
func (p *pool) expire(idle time.Duration) {
	var old []*link
	p.mu.Lock()
	now := time.Now()
	for len(p.idle) > 0 && now.Sub(p.idle[0].since) >= idle {
		old = append(old, p.idle[0])
		p.idle = p.idle[1:]
	}
	if p.sweep = nil; len(p.idle) > 0 {
		p.sweep = time.AfterFunc(idle-now.Sub(p.idle[0].since), func() { p.expire(idle) })
	}
	p.mu.Unlock()
	for _, l := range old {
		p.forget(l)
	}
}
