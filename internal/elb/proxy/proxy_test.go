package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/room"
	"github.com/berth-dev/berth/internal/elb/target"
)

// world is a load balancer with one listener and its groups, all on loopback.
type world struct {
	t        testing.TB
	proxy    *Proxy
	balancer balancer.Balancer
	listener balancer.Listener
	addr     string
	room     *room.Room

	mu     sync.Mutex
	groups map[string]*target.Group
	specs  map[string]*balancer.Group
	lines  []string
}

func (w *world) Group(arn string) *target.Group {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.groups[arn]
}

var standing = balancer.Address{Zone: "us-east-1a", IP: netip.MustParseAddr("127.0.0.1")}

// newWorld serves a listener that forwards everything to the group "web", unless change says otherwise.
func newWorld(t testing.TB, change func(*world)) *world {
	t.Helper()
	w := &world{t: t, groups: map[string]*target.Group{}, specs: map[string]*balancer.Group{}}
	w.listener = balancer.Listener{ARN: "listener", Port: 80, Protocol: balancer.HTTP, Rules: []balancer.Rule{forwardTo("web")}}
	w.balancer = balancer.Balancer{ARN: "balancer", Name: "web", DNSName: "web.elb.localhost", Addresses: []balancer.Address{standing}}
	if change != nil {
		change(w)
	}
	p, err := New(Config{Groups: w, Room: w.room, Key: make([]byte, 32), Log: func(_ *balancer.AccessLog, line []byte) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lines = append(w.lines, string(line))
	}}, &w.balancer, &w.listener)
	if err != nil {
		t.Fatal(err)
	}
	w.proxy = p
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- p.Serve(l, standing) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.Shutdown(ctx)
		if err := <-served; err != ErrClosed {
			t.Errorf("Serve returned %v", err)
		}
		for _, g := range w.groups {
			g.Close()
		}
	})
	return w
}

func forwardTo(groups ...string) balancer.Rule {
	f := &balancer.Forward{}
	for _, g := range groups {
		f.Groups = append(f.Groups, balancer.Weighted{Group: g, Weight: 1})
	}
	return balancer.Rule{Action: balancer.Action{Forward: f}}
}

// targets makes a group be of targets at those addresses.
func (w *world) targets(arn string, addrs ...string) {
	w.t.Helper()
	var all []balancer.Target
	for _, a := range addrs {
		host, port, err := net.SplitHostPort(a)
		if err != nil {
			w.t.Fatal(err)
		}
		n, _ := strconv.Atoi(port)
		all = append(all, balancer.Target{ID: host, Port: uint16(n), Zone: "us-east-1a"})
	}
	w.group(arn, func(g *balancer.Group) { g.Targets = all })
}

// group makes or changes a group.
func (w *world) group(arn string, change func(*balancer.Group)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	spec := balancer.Group{ARN: arn, Name: arn, Protocol: balancer.HTTP, Version: balancer.HTTP1, Delay: 5 * time.Minute}
	if old := w.specs[arn]; old != nil {
		spec = *old
	}
	change(&spec)
	w.specs[arn] = &spec
	if g := w.groups[arn]; g != nil {
		g.Set(&spec)
		return
	}
	g := target.New(target.Config{Dialer: dialer{}}, &spec)
	g.Use([]balancer.Address{standing})
	w.groups[arn] = g
}

// dialer reaches targets on this machine.
type dialer struct{}

func (dialer) Dial(ctx context.Context, network, _ string, _ netip.Addr, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, to.String())
}

func (dialer) DialInstance(context.Context, string, string, uint16) (net.Conn, error) {
	return nil, fmt.Errorf("no instances here")
}

// serve runs a target of net/http until the test ends.
func serve(t testing.TB, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// raw runs a target that does as told with each connection.
func raw(t testing.TB, do func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); close(done); conns.Wait() })
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { defer c.Close(); do(c, bufio.NewReader(c)) })
			conns.Go(func() { <-done; c.Close() })
		}
	})
	return l.Addr().String()
}

// readHead reads up to the empty line.
func readHead(r *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" || line == "\n" {
			return head.String(), err
		}
	}
}

// say sends text on a connection of its own and returns everything that comes back.
func (w *world) say(text string) string {
	w.t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		w.t.Fatal(err)
	}
	back, _ := io.ReadAll(c)
	return string(back)
}

func TestARequestIsForwardedAndAnswered(t *testing.T) {
	w := newWorld(t, nil)
	w.targets("web", serve(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Seen", r.Method+" "+r.RequestURI+" "+r.Host+" "+r.Header.Get("X-Forwarded-For")+" "+r.Header.Get("X-Forwarded-Proto"))
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(rw, "%s!", body)
	}))
	for range 3 {
		answer, err := http.Post("http://"+w.addr+"/a%2Fb?c=d", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		if got := answer.Header.Get("X-Seen"); got != "POST /a%2Fb?c=d "+w.addr+" 127.0.0.1 http" || string(body) != "hello!" {
			t.Errorf("the target saw %q, the client got %q", got, body)
		}
	}
}
