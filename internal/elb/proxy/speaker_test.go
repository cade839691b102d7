package proxy

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// speak opens a connection that speaks HTTP/2.
func (w *world) speak() *http.ClientConn {
	w.t.Helper()
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: protocols}
	conn, err := transport.NewClientConn(w.t.Context(), "https", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// askOn sends a request on the connection.
func (w *world) askOn(c *http.ClientConn) {
	w.t.Helper()
	request, _ := http.NewRequest("GET", "https://"+w.addr, nil)
	answer, err := c.RoundTrip(request)
	if err != nil || answer.StatusCode != 200 || answer.Body.Close() != nil {
		w.t.Fatalf("it is answered %v: %v", answer, err)
	}
}

// idleFor changes the idle timeout.
func (w *world) idleFor(d time.Duration) {
	w.t.Helper()
	changed := w.balancer
	changed.HTTP.IdleTimeout = d
	if err := w.proxy.Update(&changed, &w.listener); err != nil {
		w.t.Fatal(err)
	}
}

func goneBy(c *http.ClientConn) func() bool { return func() bool { return c.Err() != nil } }

func TestAnIdleTimeoutReachesConnectionsThatSpeakHTTP2Already(t *testing.T) {
	w := newWorld(t, func(w *world) {
		encrypted(t, certificate(t, "a.test"))(w)
		w.listener.Rules = []balancer.Rule{{Action: balancer.Action{Fixed: &balancer.Fixed{Status: 200}}}}
	})
	talking, resting := w.speak(), w.speak()
	w.askOn(talking)
	w.askOn(resting)
	w.idleFor(2 * defaultIdle)
	w.askOn(talking)
	eventually(t, goneBy(talking)) // it said goodbye
	if goneBy(resting)() {
		t.Error("a connection is ended that is idle for no longer than it may")
	}
	w.idleFor(50 * time.Millisecond)
	w.idleFor(60 * time.Millisecond)
	eventually(t, goneBy(resting))
	last := w.speak()
	w.askOn(last)
	eventually(t, goneBy(last))
}

func TestAnIdleTimeoutReachesConnectionsToTargetsOfHTTP2(t *testing.T) {
	w := newWorld(t, encrypted(t, certificate(t, "a.test")))
	w.group("web", func(g *balancer.Group) { g.Version = balancer.HTTP2 })
	entered, release, remote := make(chan bool, 9), make(chan bool), make(chan string, 9)
	w.targets("web", serveHTTP2(t, func(rw http.ResponseWriter, r *http.Request) {
		entered <- true
		<-release
		remote <- r.RemoteAddr
	}))
	client := w.speak()
	done := make(chan bool)
	go func() {
		defer close(done)
		w.askOn(client)
	}()
	<-entered
	w.idleFor(5 * time.Second) // under way: the request goes on
	close(release)
	<-done
	w.askOn(w.speak())
	<-entered
	if first, second := <-remote, <-remote; first == second {
		t.Error("the target is reached by a connection that keeps to the old idle timeout")
	}
}
