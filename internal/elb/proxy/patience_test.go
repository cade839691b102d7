package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

var (
	plainBalancer = &balancer.Balancer{HTTP: balancer.HTTPSettings{IdleTimeout: time.Minute}}
	plainListener = &balancer.Listener{Port: 80, Protocol: balancer.HTTP, Rules: []balancer.Rule{forwardTo("web")}}
)

// pieces is a connection from which a few bytes come at a time.
type pieces struct {
	data []byte
	step int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.step)], p.data)
	p.data = p.data[n:]
	return n, nil
}

func (p *pieces) Write(b []byte) (int, error)      { return len(b), nil }
func (p *pieces) Close() error                     { return nil }
func (p *pieces) LocalAddr() net.Addr              { return nil }
func (p *pieces) RemoteAddr() net.Addr             { return nil }
func (p *pieces) SetDeadline(time.Time) error      { return nil }
func (p *pieces) SetReadDeadline(time.Time) error  { return nil }
func (p *pieces) SetWriteDeadline(time.Time) error { return nil }

// inMemory is a world of pipes, for virtual time: what a target does with a connection is told.
type inMemory struct {
	target func(net.Conn)
	group  *target.Group
}

func (m *inMemory) Group(string) *target.Group { return m.group }

func (m *inMemory) Dial(context.Context, string, string, netip.Addr, netip.AddrPort) (net.Conn, error) {
	if m.target == nil {
		return nil, fmt.Errorf("refused")
	}
	near, far := net.Pipe()
	go func() { defer far.Close(); m.target(far) }()
	return near, nil
}

func (m *inMemory) DialInstance(context.Context, string, string, uint16) (net.Conn, error) {
	return nil, fmt.Errorf("no instances here")
}

// within runs a client against a proxy in virtual time.
func within(t *testing.T, at func(net.Conn), client func(t *testing.T, c net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		m := &inMemory{target: at}
		m.group = target.New(target.Config{Dialer: m}, &balancer.Group{ARN: "web", Protocol: balancer.HTTP, Version: balancer.HTTP1,
			Targets: []balancer.Target{{ID: "10.0.0.1", Port: 80, Zone: "us-east-1a"}}})
		m.group.Use([]balancer.Address{standing})
		p, err := New(Config{Groups: m}, plainBalancer, plainListener)
		if err != nil {
			t.Fatal(err)
		}
		near, far := net.Pipe()
		served := make(chan struct{})
		go func() { defer close(served); p.ServeConn(far, standing) }()
		client(t, near)
		near.Close()
		<-served
		if err := p.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		m.group.Close()
	})
}

// first reads the first line of the answer, and says how long that took.
func first(c net.Conn) (string, time.Duration) {
	began := time.Now()
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line), time.Since(began)
}

func about(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got < want || got > want+3*time.Second {
		t.Errorf("%s after %v, want %v", what, got, want)
	}
}

func TestATargetThatSaysNothingIsWaitedForUntilTheIdleTimeout(t *testing.T) {
	within(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, func(t *testing.T, c net.Conn) {
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		line, took := first(c)
		if line != "HTTP/1.1 504 Gateway Time-out" {
			t.Errorf("answered %q", line)
		}
		about(t, line, took, time.Minute)
	})
}

func TestATargetThatAnswersInTimeIsWaitedFor(t *testing.T) {
	within(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		_, _ = readHead(r)
		time.Sleep(50 * time.Second)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
		time.Sleep(50 * time.Second)
		fmt.Fprint(c, "ok")
	}, func(t *testing.T, c net.Conn) {
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if answer, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(answer), "\r\n\r\nok") {
			t.Errorf("%q, %v", answer, err)
		}
	})
}

func TestAHeadThatDripsIsNotWaitedForForever(t *testing.T) {
	within(t, nil, func(t *testing.T, c net.Conn) {
		began := time.Now()
		var drops sync.WaitGroup
		defer drops.Wait()
		drops.Go(func() {
			for range 1000 {
				if _, err := fmt.Fprint(c, "X"); err != nil {
					return
				}
				time.Sleep(5 * time.Second)
			}
		})
		defer c.Close()
		line, _ := first(c)
		if line != "HTTP/1.1 408 Request Timeout" {
			t.Errorf("answered %q", line)
		}
		about(t, line, time.Since(began), time.Minute)
	})
}

func TestAConnectionAtRestIsClosedAfterTheIdleTimeoutWithoutAWord(t *testing.T) {
	within(t, nil, func(t *testing.T, c net.Conn) {
		began := time.Now()
		if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%d, %v", n, err)
		}
		about(t, "closed", time.Since(began), time.Minute)
	})
}

// TestAConnectionAtRestHoldsNoBuffer looks into it, as memory would be exhausted by many.
func TestAConnectionAtRestHoldsNoBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Config{}, plainBalancer, plainListener)
		if err != nil {
			t.Fatal(err)
		}
		near, far := net.Pipe()
		c := newClient(p, far, standing)
		served := make(chan struct{})
		go func() { defer close(served); c.serve() }()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if c.buf != nil || c.answer.out != nil {
			t.Error("it has a buffer")
		}
		near.Close()
		<-served
		if err := p.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestARequestAfterALongRestIsServed(t *testing.T) {
	within(t, nil, func(t *testing.T, c net.Conn) {
		time.Sleep(40 * time.Second)
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if line, _ := first(c); line != "HTTP/1.1 502 Bad Gateway" {
			t.Errorf("answered %q", line)
		}
	})
}

func TestASlowUploadKeepsTheTargetWaiting(t *testing.T) {
	within(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		_, _ = readHead(r)
		body := make([]byte, 10)
		_, _ = io.ReadFull(r, body)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n%s", body)
	}, func(t *testing.T, c net.Conn) {
		fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\n")
		go func() {
			for i := range 10 {
				time.Sleep(30 * time.Second)
				fmt.Fprint(c, i)
			}
		}()
		if answer, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(answer), "\r\n\r\n0123456789") {
			t.Errorf("%q, %v", answer, err)
		}
	})
}

func TestABodyThatStopsComingIsNotTakenForTheWhole(t *testing.T) {
	got := make(chan error, 1)
	within(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		_, _ = readHead(r)
		_, err := io.ReadFull(r, make([]byte, 10))
		got <- err
	}, func(t *testing.T, c net.Conn) {
		fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
		if line, _ := first(c); line != "HTTP/1.1 408 Request Timeout" {
			t.Errorf("answered %q", line)
		}
		if err := <-got; err != io.ErrUnexpectedEOF {
			t.Errorf("the target read %v", err)
		}
	})
}

// TestARequestThatCannotBeRepeatedGoesByNoConnectionThatMayBeClosing counts the connections that a target gets for two requests
// with a rest between.
func TestARequestThatCannotBeRepeatedGoesByNoConnectionThatMayBeClosing(t *testing.T) {
	for _, c := range []struct {
		method string
		rest   time.Duration
		want   int
	}{{"GET", 4 * time.Second, 1}, {"POST", 4 * time.Second, 2}, {"POST", time.Second / 2, 1}} {
		var got atomic.Int32
		within(t, func(c net.Conn) {
			got.Add(1)
			for r := bufio.NewReader(c); ; {
				if _, err := readHead(r); err != nil {
					return
				}
				fmt.Fprint(c, "HTTP/1.1 204 No Content\r\n\r\n")
			}
		}, func(t *testing.T, client net.Conn) {
			r := bufio.NewReader(client)
			for range 2 {
				fmt.Fprintf(client, "%s / HTTP/1.1\r\nHost: a\r\n\r\n", c.method)
				if head, err := readHead(r); err != nil || !strings.HasPrefix(head, "HTTP/1.1 204 ") {
					t.Fatalf("answered %q, %v", head, err)
				}
				time.Sleep(c.rest)
			}
		})
		if int(got.Load()) != c.want {
			t.Errorf("%s after %v: %d connections, want %d", c.method, c.rest, got.Load(), c.want)
		}
	}
}
