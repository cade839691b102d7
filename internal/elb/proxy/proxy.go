// Package proxy is the HTTP data path of application load balancers: it takes the requests that come to a listener, finds
// the rule for each, and answers by a target, a redirect or a fixed response. Package node makes a Proxy of each listener and
// gives it connections; targets are chosen and dialled by elb/target.
//
// HTTP/1.1 has a path of its own (client, exchange, link): heads are parsed and written in place, one goroutine serves a
// connection and does the talking with the target too, and large bodies go through the kernel alone. HTTP/2 is left to
// net/http on the client's side and to x/net/http2 on the target's; both meet in an exchange, so that rules, headers,
// stickiness and the log are the same for all.
//
// What is forwarded is never what was received: every head is written anew from its parsed parts and every body is framed
// anew, so that a target sees the same requests as the proxy did.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/room"
	"github.com/berth-dev/berth/internal/elb/target"
)

// Groups finds target groups by ARN; nil when there is none.
type Groups interface {
	Group(arn string) *target.Group
}

// Config is what a proxy is given once.
type Config struct {
	Groups Groups
	// Key seals the cookies of sticky clients: 32 bytes, the same on each machine and after each start. Without one, clients
	// get other targets after a restart.
	Key []byte
	// Log, unless nil, takes the line of each request when the load balancer has an access log. It must not wait.
	Log func(log *balancer.AccessLog, line []byte)
	// Published, unless nil, is the port of this machine that stands for a port of the load balancer; 0: none. It is for
	// redirects of clients that came by such a port.
	Published func(port uint16) uint16
	// Room, unless nil, bounds the connections of clients. One that comes when there is none takes the place of one that is
	// idle, or is closed at once.
	Room *room.Room
}

// Proxy serves one listener of an application load balancer. Its methods may be called at any time, by many.
type Proxy struct {
	config Config
	jar    jar
	setup  atomic.Pointer[setup]
	pools  sync.Map // *target.Target to *pool
	work   sync.WaitGroup
	trunks sync.Map // *target.Target to *trunk

	http2    speakers
	speaking sync.Map // net.Conn to *client, of those that speak HTTP/2

	closing atomic.Bool
	drained chan struct{} // closed when nothing is served any more
	emptied sync.Once
	done    chan struct{} // closed when connections to targets are to end
	ended   sync.Once

	mu      sync.Mutex
	serving map[closer]struct{}
}

// closer is a listener or a client's connection.
type closer interface{ stop(now bool) }

// New makes the proxy of a listener.
func New(config Config, b *balancer.Balancer, l *balancer.Listener) (*Proxy, error) {
	p := &Proxy{
		config: config, jar: newJar(config.Key), drained: make(chan struct{}), done: make(chan struct{}), serving: map[closer]struct{}{},
	}
	if err := p.Update(b, l); err != nil {
		return nil, err
	}
	config.Room.Join(p)
	return p, nil
}

// Update has the proxy do as described from the next request on. Connections stay open, but for those of HTTP/2 when the idle
// timeout changes: they end after a further request, or when they have been idle for the new one. An error leaves everything as
// it was.
func (p *Proxy) Update(b *balancer.Balancer, l *balancer.Listener) error {
	s, err := p.prepare(b, l, p.setup.Load())
	if err != nil {
		return fmt.Errorf("listener %s: %w", l.ARN, err)
	}
	p.setup.Store(s)
	p.speak(s.idle)
	p.renewTrunks(s.idle)
	return nil
}

// ErrClosed is what Serve returns after Shutdown.
var ErrClosed = errors.New("proxy: closed")

// Serve takes connections until the listener or the proxy is closed. at is where the load balancer stands there: its targets
// are reached from that address.
func (p *Proxy) Serve(l net.Listener, at balancer.Address) error {
	door := &door{l}
	if !p.enter(door) {
		_ = l.Close()
		return ErrClosed
	}
	defer p.exit(door)
	for {
		conn, err := l.Accept()
		if err != nil {
			if p.closing.Load() {
				return ErrClosed
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			time.Sleep(acceptPause)
			continue
		}
		p.work.Go(func() { p.ServeConn(conn, at) })
	}
}

// acceptPause is how long nothing is accepted when that failed, as when no descriptor is left.
const acceptPause = 10 * time.Millisecond

// door is a listener that is served.
type door struct{ net.Listener }

func (d *door) stop(bool) { _ = d.Close() }

// ServeConn serves one connection and returns when it is closed.
func (p *Proxy) ServeConn(conn net.Conn, at balancer.Address) {
	if !p.config.Room.Enter(p) {
		_ = conn.Close()
		return
	}
	defer p.config.Room.Exit()
	c := newClient(p, conn, at)
	if !p.enter(c) {
		_ = conn.Close()
		return
	}
	defer p.exit(c)
	c.serve()
}

// Shutdown closes the listeners and the connections that carry no request, waits for requests under way, and ends those that
// are left when ctx does.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.config.Room.Leave(p)
	p.close(false)
	p.http2.shutdown(ctx) // says goodbye to those who speak HTTP/2
	var err error
	select {
	case <-p.drained:
	case <-ctx.Done():
		err = ctx.Err()
		p.close(true)
		<-p.drained
	}
	p.ended.Do(func() { close(p.done) })
	p.work.Wait()
	return err
}

func (p *Proxy) close(now bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing.Store(true)
	for c := range p.serving {
		c.stop(now)
	}
	p.tell()
}

// enter counts what is served; false once the proxy closes.
func (p *Proxy) enter(c closer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing.Load() {
		return false
	}
	p.serving[c] = struct{}{}
	return true
}

func (p *Proxy) exit(c closer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.serving, c)
	p.tell()
}

// tell says that nothing is served any more. Under mu.
func (p *Proxy) tell() {
	if p.closing.Load() && len(p.serving) == 0 {
		p.emptied.Do(func() { close(p.drained) })
	}
}
