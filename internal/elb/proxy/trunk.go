package proxy

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

// trunk is how a target is reached that speaks HTTP/2: net/http's transport with connections of its own, which carry many
// requests each.
type trunk struct {
	target    *target.Target
	transport *http.Transport
	idle      time.Duration // after which its connections are closed

	old atomic.Bool // another takes its place: its connections close when they are idle

	mu   sync.Mutex
	open map[net.Conn]struct{}
	cut  bool
	// users are the requests that are under way, or about to be.
	users int
	left  bool          // the target takes nothing new
	empty chan struct{} // closed when it has left and nothing is under way
}

// trunk finds or makes that of a target.
func (p *Proxy) trunk(t *target.Target, group *balancer.Group, at balancer.Address) *trunk {
	return wayTo(p, &p.trunks, t, func() *trunk { return newTrunk(t, group, at, p.setup.Load().idle) })
}

// renewTrunks has connections to targets be closed when they have been idle for so long. Those that wait for another time are
// closed: at once, or after their requests.
func (p *Proxy) renewTrunks(idle time.Duration) {
	p.trunks.Range(func(t, k any) bool {
		if k := k.(*trunk); k.idle != idle && p.trunks.CompareAndDelete(t, k) {
			k.old.Store(true)
			k.transport.CloseIdleConnections()
		}
		return true
	})
}

func newTrunk(t *target.Target, group *balancer.Group, at balancer.Address, idle time.Duration) *trunk {
	made := &trunk{target: t, idle: idle, open: map[net.Conn]struct{}{}, empty: make(chan struct{})}
	protocols := new(http.Protocols)
	if group.Protocol == balancer.HTTPS {
		protocols.SetHTTP2(true)
	} else {
		protocols.SetUnencryptedHTTP2(true)
	}
	connect := func(ctx context.Context, _, _ string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		conn, err := t.Dial(ctx, "tcp", at.IP)
		if err != nil {
			return nil, errDial{err}
		}
		return made.keep(conn)
	}
	made.transport = &http.Transport{
		DialContext: connect, Protocols: protocols, DisableCompression: true, IdleConnTimeout: idle,
		MaxResponseHeaderBytes: maxResponseHead, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
		// A load balancer does not check the certificates of its targets.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}},
	}
	return made
}

// errDial is that no connection could be made: no target has seen the request.
type errDial struct{ error }

func (e errDial) Unwrap() error { return e.error }

// use counts a request, when n is 1, or says that it is over, when n is -1.
func (k *trunk) use(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.users += n
	k.tell()
}

// leave closes what is idle; what is in use closes after its requests.
func (k *trunk) leave() {
	k.transport.CloseIdleConnections()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left = true
	k.tell()
}

// tell says that nothing is under way any more. Under mu.
func (k *trunk) tell() {
	if k.left && k.users == 0 {
		select {
		case <-k.empty:
		default:
			close(k.empty)
		}
	}
}

// watch closes the connections when the target takes nothing new or is cut.
func (k *trunk) watch(done <-chan struct{}) {
	select {
	case <-k.target.Leaving():
		k.leave()
		select {
		case <-k.empty:
		case <-k.target.Cut():
		case <-done:
		}
	case <-done:
	}
	k.transport.CloseIdleConnections()
	k.mu.Lock()
	k.cut = true
	open := slices.Collect(maps.Keys(k.open))
	k.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}

// keep remembers a connection for as long as it is open.
func (k *trunk) keep(conn net.Conn) (net.Conn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cut {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	kept := &keptConn{conn, k}
	k.open[kept] = struct{}{}
	return kept, nil
}

// keptConn is a connection of a trunk.
type keptConn struct {
	net.Conn
	trunk *trunk
}

func (c *keptConn) Close() error {
	c.trunk.mu.Lock()
	delete(c.trunk.open, c)
	c.trunk.mu.Unlock()
	return c.Conn.Close()
}
