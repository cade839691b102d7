package target

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// ground is a Dialer whose targets are functions, by address or by instance and port.
type ground struct {
	mu      sync.Mutex
	targets map[string]func(net.Conn)
	dials   map[string]int
}

var errRefused = errors.New("connection refused")

func (g *ground) Dial(ctx context.Context, _, _ string, _ netip.Addr, to netip.AddrPort) (net.Conn, error) {
	return g.connect(ctx, to.String())
}

func (g *ground) DialInstance(ctx context.Context, _, instance string, port uint16) (net.Conn, error) {
	return g.connect(ctx, fmt.Sprintf("%s:%d", instance, port))
}

func (g *ground) connect(ctx context.Context, to string) (net.Conn, error) {
	g.mu.Lock()
	serve := g.targets[to]
	if g.dials == nil {
		g.dials = map[string]int{}
	}
	g.dials[to]++
	g.mu.Unlock()
	if serve == nil {
		return nil, errRefused
	}
	ours, theirs := net.Pipe()
	go serve(theirs)
	return ours, nil
}

func (g *ground) dialed(to string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dials[to]
}

// is makes a target be as said from now on; nil: connections to it are refused.
func (g *ground) is(to string, serve func(net.Conn)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.targets == nil {
		g.targets = map[string]func(net.Conn){}
	}
	g.targets[to] = serve
}

// accepts is a target that takes connections and nothing else.
func accepts(c net.Conn) { c.Close() }

// hangs is a target that answers nothing until the other side gives up.
func hangs(c net.Conn) { c.Read(make([]byte, 1)); bufio.NewReader(c).Peek(1 << 20); c.Close() }

// answers is a target that answers one request by a handler.
func answers(handler http.HandlerFunc) func(net.Conn) {
	return func(c net.Conn) {
		defer c.Close()
		var protocols http.Protocols
		protocols.SetHTTP1(true)
		protocols.SetUnencryptedHTTP2(true)
		server := &http.Server{Handler: handler, Protocols: &protocols}
		l := &single{conn: c, done: make(chan struct{})}
		server.Serve(l)
	}
}

// code is a target whose answer has that status.
func code(status int) func(net.Conn) {
	return answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// single is a listener of one connection, over when that is.
type single struct {
	conn net.Conn
	done chan struct{}
	once sync.Once
}

func (s *single) Accept() (net.Conn, error) {
	if c := s.conn; c != nil {
		s.conn = nil
		return &told{c, s}, nil
	}
	<-s.done
	return nil, net.ErrClosed
}
func (s *single) Close() error   { s.once.Do(func() { close(s.done) }); return nil }
func (s *single) Addr() net.Addr { return &net.TCPAddr{} }

type told struct {
	net.Conn
	l *single
}

func (t *told) Close() error { t.l.Close(); return t.Conn.Close() }

const zoneA, zoneB, zoneC = "us-east-1a", "us-east-1b", "us-east-1c"

var standing = []balancer.Address{
	{Zone: zoneA, IP: netip.MustParseAddr("10.0.0.1")},
	{Zone: zoneB, IP: netip.MustParseAddr("10.0.1.1")},
	{Zone: zoneC, IP: netip.MustParseAddr("10.0.2.1")},
}

// described is a group of targets 10.0.9.1:80, 10.0.9.2:80 and so on, in zone a, checked every 30 s.
func described(targets int) *balancer.Group {
	g := &balancer.Group{
		ARN: "group", Protocol: balancer.HTTP, Version: balancer.HTTP1, Delay: 300 * time.Second,
		Check: balancer.Check{Enabled: true, Protocol: balancer.HTTP, Path: "/", Interval: 30 * time.Second, Timeout: 5 * time.Second, Healthy: 5, Unhealthy: 2, Codes: "200"},
	}
	for i := range targets {
		g.Targets = append(g.Targets, balancer.Target{ID: fmt.Sprintf("10.0.9.%d", i+1), Port: 80, Zone: zoneA})
	}
	return g
}

// changed is the description after a change; the one before stays as it is.
func changed(g *balancer.Group, change func(*balancer.Group)) *balancer.Group {
	next := *g
	next.Targets = append([]balancer.Target(nil), g.Targets...)
	change(&next)
	return &next
}
