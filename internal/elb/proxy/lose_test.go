package proxy

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// TestNoRequestIsLostWhileTargetsAreReplaced sends requests without pause while targets come, are drained and ended, and are
// killed where they stand.
func TestNoRequestIsLostWhileTargetsAreReplaced(t *testing.T) {
	w := newWorld(t, nil)
	f := &fleet{w: w, servers: map[string]*http.Server{}}
	for range 3 {
		f.add(t)
	}
	f.register()

	stop := make(chan struct{})
	var clients sync.WaitGroup
	var answered atomic.Int64
	for i := range 8 {
		clients.Go(func() {
			transport := &http.Transport{DisableKeepAlives: i == 0}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := once(client, "http://"+w.addr, n); err != nil {
					t.Error(err)
					return
				}
				answered.Add(1)
			}
		})
	}
	for round := range 30 {
		f.add(t)
		f.register()
		if round%3 == 2 {
			f.kill()
			f.register()
		} else {
			f.drain(t)
		}
		before := answered.Load()
		eventually(t, func() bool { return answered.Load() > before+20 || t.Failed() })
	}
	close(stop)
	clients.Wait()
	t.Logf("%d requests", answered.Load())
}

// TestWhatADrainedTargetStillHasIsCutAfterTheDelay has a request under way that does not end.
func TestWhatADrainedTargetStillHasIsCutAfterTheDelay(t *testing.T) {
	w := newWorld(t, nil)
	began := make(chan struct{})
	addr := raw(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		close(began)
		_, _ = io.Copy(io.Discard, r)
	})
	w.targets("web", addr)
	answered := make(chan string, 1)
	go func() { answered <- w.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") }()
	<-began
	w.group("web", func(g *balancer.Group) {
		g.Delay = 50 * time.Millisecond
		g.Targets = []balancer.Target{g.Targets[0]}
		g.Targets[0].DrainingSince = time.Now()
	})
	if got := <-answered; !strings.HasPrefix(got, "HTTP/1.1 50") {
		t.Errorf("answered %q", got)
	}
	if got := w.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Errorf("a draining target got a request: %q", got)
	}
}

// TestTheConnectionsOfALeavingTargetAreClosedOnceTheyAreIdle counts what a target has open.
func TestTheConnectionsOfALeavingTargetAreClosedOnceTheyAreIdle(t *testing.T) {
	w := newWorld(t, nil)
	var open atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	s.Start()
	defer s.Close()
	w.targets("web", s.Listener.Addr().String())
	for range 3 {
		w.get(http.DefaultClient, "/")
	}
	if open.Load() != 1 {
		t.Errorf("%d connections for requests one after the other", open.Load())
	}
	w.group("web", func(g *balancer.Group) { g.Targets = nil })
	eventually(t, func() bool { return open.Load() == 0 })
}

// once sends a request that may be repeated, of one kind or another.
func once(client *http.Client, url string, n int) error {
	var answer *http.Response
	var err error
	if n%4 == 3 {
		request, _ := http.NewRequest(http.MethodPut, url+"/put", strings.NewReader("body"))
		answer, err = client.Do(request)
	} else {
		answer, err = client.Get(url + "/get")
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 || !strings.HasPrefix(string(body), "hello") {
		return fmt.Errorf("answered %d %q, %v", answer.StatusCode, body, err)
	}
	return nil
}

// fleet is targets that come and go.
type fleet struct {
	w        *world
	order    []string
	servers  map[string]*http.Server
	draining map[string]time.Time
}

func (f *fleet) add(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond) // so that requests are under way when the target goes
		fmt.Fprintf(rw, "hello from %s", l.Addr())
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	f.order = append(f.order, l.Addr().String())
	f.servers[l.Addr().String()] = s
}

func (f *fleet) register() {
	f.w.targets("web", f.order...)
	f.w.group("web", func(g *balancer.Group) {
		for addr, since := range f.draining {
			host, port, _ := net.SplitHostPort(addr)
			at := balancer.Target{ID: host, Zone: "us-east-1a", DrainingSince: since}
			fmt.Sscan(port, &at.Port)
			g.Targets = append(g.Targets[:len(g.Targets):len(g.Targets)], at)
		}
	})
}

// kill ends the oldest target without a word.
func (f *fleet) kill() {
	addr := f.order[0]
	f.servers[addr].Close()
	f.order = f.order[1:]
}

// drain deregisters the oldest target and ends it once nothing is under way there.
func (f *fleet) drain(t *testing.T) {
	addr := f.order[0]
	f.order = f.order[1:]
	f.draining = map[string]time.Time{addr: time.Now()}
	f.register()
	host, port, _ := net.SplitHostPort(addr)
	key := balancer.TargetKey{ID: host}
	fmt.Sscan(port, &key.Port)
	eventually(t, func() bool { return f.w.Group("web").Health()[key].Connections == 0 })
	f.servers[addr].Close()
	f.draining = nil
	f.register()
}

// eventually waits for a condition.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for by := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(by) {
			t.Fatal("it did not come to that")
		}
	}
}
