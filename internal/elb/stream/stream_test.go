package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

// machine is a target.Dialer of this machine's own network.
type machine struct{}

func (machine) Dial(ctx context.Context, network, _ string, _ netip.Addr, to netip.AddrPort) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, to.String())
}

func (machine) DialInstance(ctx context.Context, network, _ string, port uint16) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, netip.AddrPortFrom(loopback, port).String())
}

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	here     = balancer.Address{Zone: "us-east-1a", IP: loopback}
)

func standHere() balancer.Address { return here }

// stage is a listener before a group, all on loopback.
type stage struct {
	spec     *balancer.Group
	group    *target.Group
	listener *Listener
	at       string // where clients connect
}

// described is a group that forwards to the targets, without health checks.
func described(protocol string, targets ...netip.AddrPort) *balancer.Group {
	g := &balancer.Group{ARN: "group", Protocol: protocol, Delay: 5 * time.Minute}
	for _, at := range targets {
		g.Targets = append(g.Targets, balancer.Target{ID: at.Addr().String(), Port: at.Port(), Zone: "all"})
	}
	return g
}

// setUp makes a listener of the group's protocol before it, that does not outlive the test.
func setUp(t *testing.T, spec *balancer.Group, change func(*Config, *balancer.Listener)) *stage {
	t.Helper()
	s := &stage{spec: spec, group: target.New(target.Config{Dialer: machine{}}, spec)}
	s.group.Use([]balancer.Address{here})
	settings := &balancer.Listener{
		ARN: "listener", Protocol: spec.Protocol,
		Rules: []balancer.Rule{{Action: balancer.Action{Forward: &balancer.Forward{Groups: []balancer.Weighted{{Group: "group", Weight: 1}}}}}},
	}
	config := Config{
		Groups: func(string) *target.Group { return s.group },
		TLS: func(s *balancer.TLSSettings) (*tls.Config, error) {
			return &tls.Config{Certificates: []tls.Certificate{*s.Certificates[0]}}, nil
		},
	}
	if change != nil {
		change(&config, settings)
	}
	var err error
	if s.listener, err = New(config, &balancer.Balancer{Network: true, CrossZone: true}, settings); err != nil {
		t.Fatal(err)
	}
	if settings.Protocol == balancer.UDP {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.at = conn.LocalAddr().String()
		go s.listener.ServePacket(conn, standHere)
	} else {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.at = l.Addr().String()
		go s.listener.Serve(l, here)
	}
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		s.listener.Shutdown(now)
		s.group.Close()
	})
	return s
}

// listen is a target that does the same with each connection.
func listen(t *testing.T, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return addrPort(l.Addr())
}

func echo(c net.Conn) { io.Copy(c, c) }

// says is a target that says its name and hears the client out.
func says(name string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, name)
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
	}
}

// closed is an address where nobody listens.
func closed(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return addrPort(l.Addr())
}

func dial(t *testing.T, network, at string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// outcomeAt is how a new connection ends that sends nothing.
func outcomeAt(t *testing.T, at string) string {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if errors.Is(err, syscall.ECONNRESET) { // it was before Dial was done
		return "reset"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return outcome(c)
}

// outcome is how a connection ends for its client: with what it read, or "reset".
func outcome(c net.Conn) string {
	got, err := io.ReadAll(c)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return "reset"
	}
	if err != nil {
		return err.Error()
	}
	return string(got)
}

func TestBytesPassBothWaysAndEndsArePassedOnAlone(t *testing.T) {
	s := setUp(t, described(balancer.TCP, listen(t, echo)), nil)
	c := dial(t, "tcp", s.at)
	sent := strings.Repeat("all of it ", 300_000)
	go func() {
		io.WriteString(c, sent)
		c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || string(got) != sent {
		t.Errorf("%d bytes came back of %d: %v", len(got), len(sent), err)
	}
}
