package stream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/room"
	"github.com/berth-dev/berth/internal/elb/target"
)

func TestAConnectionGoesToATargetThatTakesIt(t *testing.T) {
	s := setUp(t, described(balancer.TCP, closed(t), listen(t, says("here")), closed(t)), nil)
	for i := range 6 { // whoever's turn it is
		if got := outcomeAt(t, s.at); got != "here" {
			t.Errorf("connection %d gets %q", i, got)
		}
	}
}

func TestWhatNobodyTakesIsReset(t *testing.T) {
	cases := map[string]*balancer.Group{
		"no target is there":       described(balancer.TCP),
		"no target takes it":       described(balancer.TCP, closed(t), closed(t)),
		"the target breaks it off": described(balancer.TCP, listen(t, func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) })),
	}
	for name, spec := range cases {
		t.Run(name, func(t *testing.T) {
			if got := outcomeAt(t, setUp(t, spec, nil).at); got != "reset" {
				t.Errorf("the client sees %q", got)
			}
		})
	}
}

func TestATargetHearsThatItsClientBrokeOff(t *testing.T) {
	heard := make(chan error, 1)
	s := setUp(t, described(balancer.TCP, listen(t, func(c net.Conn) {
		_, err := io.Copy(io.Discard, c)
		heard <- err
	})), nil)
	c := dial(t, "tcp", s.at)
	io.WriteString(c, "half of a mess")
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
	if err := <-heard; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the target sees %v, as if the client had ended", err)
	}
}

func TestTheTargetLearnsOfTheClientByTheProxyProtocol(t *testing.T) {
	spec := described(balancer.TCP, listen(t, func(c net.Conn) {
		header := make([]byte, 35)
		io.ReadFull(c, header)
		fmt.Fprintf(c, "%x ", header[:28])
		io.Copy(c, c)
	}))
	spec.ProxyProtocol = true
	s := setUp(t, spec, nil)
	c := dial(t, "tcp", s.at)
	io.WriteString(c, "hello")
	c.(*net.TCPConn).CloseWrite()
	at := netip.MustParseAddrPort(s.at)
	want := fmt.Sprintf("0d0a0d0a000d0a515549540a211100137f0000017f000001%04x%04x hello", addrPort(c.LocalAddr()).Port(), at.Port())
	if got := outcome(c); got != want {
		t.Errorf("the target reads %q, want %q", got, want)
	}
}

func TestConnectionsAreOverWithTheirTargetsLife(t *testing.T) {
	for name, cut := range map[string]bool{"a group that terminates connections": true, "one that does not": false} {
		t.Run(name, func(t *testing.T) {
			spec := described(balancer.TCP, listen(t, echo))
			spec.Terminate, spec.Delay = cut, 50*time.Millisecond
			s := setUp(t, spec, nil)
			c := dial(t, "tcp", s.at)
			reader := bufio.NewReader(c)
			roundTrip := func() error {
				io.WriteString(c, "x\n")
				_, err := reader.ReadString('\n')
				return err
			}
			if err := roundTrip(); err != nil {
				t.Fatal(err)
			}
			next := *spec
			next.Targets = []balancer.Target{spec.Targets[0]}
			next.Targets[0].DrainingSince = time.Now()
			s.group.Set(&next)
			if err := roundTrip(); err != nil {
				t.Errorf("while its target drains: %v", err)
			}
			if got := outcomeAt(t, s.at); got != "reset" {
				t.Errorf("a new connection to a draining target: %q", got)
			}
			for !s.group.Drained(spec.Targets[0].Key()) {
				time.Sleep(time.Millisecond)
			}
			if cut {
				if _, err := reader.ReadString('\n'); !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("after the delay the connection ends with %v", err)
				}
			} else if err := roundTrip(); err != nil {
				t.Errorf("after the delay: %v", err)
			}
		})
	}
}

func TestShutdownLetsConnectionsEnd(t *testing.T) {
	s := setUp(t, described(balancer.TCP, listen(t, echo)), nil)
	ends, stays := dial(t, "tcp", s.at), dial(t, "tcp", s.at)
	for _, c := range []net.Conn{ends, stays} { // so that both are served
		io.WriteString(c, "x")
		io.ReadFull(c, make([]byte, 1))
	}
	ctx, cancel := context.WithCancel(context.Background())
	down := make(chan error, 1)
	go func() { down <- s.listener.Shutdown(ctx) }()
	for {
		c, err := net.Dial("tcp", s.at)
		if err != nil {
			break // nothing new
		}
		c.Close()
	}
	io.WriteString(ends, "the end")
	ends.(*net.TCPConn).CloseWrite()
	if got := outcome(ends); got != "the end" {
		t.Errorf("a connection that was open gets %q", got)
	}
	select {
	case <-down:
		t.Error("it is down while a connection is open")
	default:
	}
	cancel()
	if err := <-down; err != context.Canceled {
		t.Errorf("cut short, it says %v", err)
	}
	if _, err := stays.Read(make([]byte, 1)); err == nil || s.listener.Open() != 0 {
		t.Errorf("the last connection is not cut: %v, %d open", err, s.listener.Open())
	}
	late, far := net.Pipe()
	defer far.Close()
	s.listener.ServeConn(late, here)
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a connection that comes after the end: %v", err)
	}
}

func TestMoreConnectionsThanAllowedAreTurnedAway(t *testing.T) {
	s := setUp(t, described(balancer.TCP, listen(t, echo)), func(c *Config, _ *balancer.Listener) { c.Room = &room.Room{Most: 1} })
	first := dial(t, "tcp", s.at)
	io.WriteString(first, "x")
	io.ReadFull(first, make([]byte, 1))
	if got := outcomeAt(t, s.at); got != "reset" {
		t.Errorf("the second connection gets %q", got)
	}
	first.Close()
	for s.listener.Open() > 0 {
		time.Sleep(time.Millisecond)
	}
	c := dial(t, "tcp", s.at)
	io.WriteString(c, "again")
	c.(*net.TCPConn).CloseWrite()
	if got := outcome(c); got != "again" {
		t.Errorf("once there is room again: %q", got)
	}
}

func TestGroupsShareByTheirWeights(t *testing.T) {
	groups := map[string]*target.Group{}
	for _, name := range []string{"blue", "green", "none"} {
		spec := described(balancer.TCP, listen(t, says(name)))
		spec.ARN = name
		groups[name] = target.New(target.Config{Dialer: machine{}}, spec)
		groups[name].Use([]balancer.Address{here})
		defer groups[name].Close()
	}
	s := setUp(t, described(balancer.TCP), func(c *Config, l *balancer.Listener) {
		c.Groups = func(arn string) *target.Group { return groups[arn] }
		l.Rules[0].Action.Forward.Groups = []balancer.Weighted{{Group: "none"}, {Group: "blue", Weight: 3}, {Group: "green", Weight: 1}}
	})
	count := map[string]int{}
	for range 200 {
		count[outcomeAt(t, s.at)]++
	}
	if count["blue"]+count["green"] != 200 || count["green"] < 20 || count["green"] > 85 {
		t.Errorf("of 200 connections with weights 3 to 1: %v", count)
	}
}

func TestAnIdleConnectionIsClosed(t *testing.T) {
	cases := []struct {
		name  string
		talks time.Duration // how often the target says something; 0: never
		lasts bool
	}{
		{"nothing passes", 0, false},
		{"one side talks now and then", 300 * time.Second, true},
		{"one side talks too seldom", 500 * time.Second, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, front := net.Pipe()
				back, upstream := net.Pipe()
				over := make(chan struct{})
				go func() {
					relay(front, back, 350*time.Second)
					close(over)
				}()
				go io.Copy(io.Discard, client)
				var talker sync.WaitGroup
				talker.Go(func() {
					for c.talks > 0 {
						time.Sleep(c.talks)
						if _, err := io.WriteString(upstream, "x"); err != nil {
							return
						}
					}
				})
				time.Sleep(349 * time.Second)
				synctest.Wait()
				if isClosed(over) {
					t.Error("closed too early")
				}
				time.Sleep(350 * time.Second)
				synctest.Wait()
				if isClosed(over) == c.lasts {
					t.Errorf("after twice the idle time: closed %v", !c.lasts)
				}
				client.Close()
				upstream.Close()
				<-over
				talker.Wait()
			})
		})
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestTwoSidesOfWhichNoneReadsAreIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, front := net.Pipe()
		back, upstream := net.Pipe()
		go io.WriteString(client, "x")
		go io.WriteString(upstream, "x")
		over := make(chan struct{})
		go func() {
			relay(front, back, 350*time.Second)
			close(over)
		}()
		time.Sleep(700 * time.Second)
		synctest.Wait()
		if !isClosed(over) {
			t.Error("they wait for each other for ever")
		}
		client.Close()
		upstream.Close()
	})
}

func TestASlowReaderIsNotIdle(t *testing.T) {
	sent := strings.Repeat("x", 4<<20)
	s := setUp(t, described(balancer.TCP, listen(t, func(c net.Conn) { io.WriteString(c, sent) })), func(_ *Config, l *balancer.Listener) {
		l.IdleTimeout = time.Second
	})
	c := dial(t, "tcp", s.at)
	c.(*net.TCPConn).SetReadBuffer(16 << 10)
	got := 0
	for buffer := make([]byte, 64<<10); ; time.Sleep(20 * time.Millisecond) {
		n, err := c.Read(buffer)
		got += n
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
	}
	if got != len(sent) {
		t.Errorf("%d bytes came of %d", got, len(sent))
	}
}

// broken is a listener whose Accept fails in one way after another.
type broken struct {
	net.Listener
	errs []error
}

func (b *broken) Accept() (net.Conn, error) {
	err := b.errs[0]
	b.errs = b.errs[1:]
	return nil, &net.OpError{Op: "accept", Net: "tcp", Err: err}
}

func (b *broken) Close() error { return nil }

func TestServingEndsWhenNothingCanComeAnyMore(t *testing.T) {
	s := setUp(t, described(balancer.TCP), nil)
	err := s.listener.Serve(&broken{errs: []error{syscall.EMFILE, syscall.ENFILE, syscall.EINVAL, net.ErrClosed}}, here)
	if !errors.Is(err, syscall.EINVAL) {
		t.Errorf("it ends with %v", err)
	}
}
