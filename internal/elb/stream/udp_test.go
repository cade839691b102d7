package stream

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/room"
	"github.com/berth-dev/berth/internal/elb/target"
)

// answerPackets is a target that answers each packet by its name and the packet.
func answerPackets(t *testing.T, name string) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, maxPacket)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			conn.WriteTo(append([]byte(name), buffer[:n]...), from)
		}
	}()
	return addrPort(conn.LocalAddr())
}

// ask sends a packet and returns the answer.
func ask(t *testing.T, c net.Conn, packet string) string {
	t.Helper()
	io.WriteString(c, packet)
	buffer := make([]byte, maxPacket)
	n, err := c.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

func TestAPacketsAnswerComesBackToItsSender(t *testing.T) {
	s := setUp(t, described(balancer.UDP, answerPackets(t, "")), nil)
	for _, packet := range []string{"short", strings.Repeat("x", 60_000), ""} {
		if got := ask(t, dial(t, "udp", s.at), packet); got != packet {
			t.Errorf("%d bytes came back of %d", len(got), len(packet))
		}
	}
}

func TestPacketsOfOnePortGoToOneTarget(t *testing.T) {
	for name, sticky := range map[string]bool{"by the port": false, "by the address, when the group is sticky": true} {
		t.Run(name, func(t *testing.T) {
			spec := described(balancer.UDP, answerPackets(t, "a"), answerPackets(t, "b"), answerPackets(t, "c"))
			if sticky {
				spec.Stickiness.Kind = "source_ip"
			}
			s := setUp(t, spec, nil)
			count := map[string]int{}
			for range 9 {
				c := dial(t, "udp", s.at)
				first := ask(t, c, "")
				for range 5 {
					if got := ask(t, c, ""); got != first {
						t.Errorf("a flow goes to %s and then to %s", first, got)
					}
				}
				count[first]++
			}
			if want := 3; !sticky && (count["a"] != want || count["b"] != want || count["c"] != want) || sticky && len(count) != 1 {
				t.Errorf("nine flows of one address: %v", count)
			}
		})
	}
}

func TestEachPacketHasTheHeaderOfTheProxyProtocol(t *testing.T) {
	spec := described(balancer.UDP, answerPackets(t, ""))
	spec.ProxyProtocol = true
	s := setUp(t, spec, nil)
	c := dial(t, "udp", s.at)
	for _, packet := range []string{"one", "two"} {
		got := ask(t, c, packet)
		want := fmt.Sprintf("\r\n\r\n\x00\r\nQUIT\n\x21\x12\x00\x13\x7f\x00\x00\x01\x7f\x00\x00\x01%c%c", addrPort(c.LocalAddr()).Port()>>8, addrPort(c.LocalAddr()).Port()&0xff)
		if len(got) != 35+len(packet) || got[35:] != packet || got[:20] != want[:20] {
			t.Errorf("the target got %q", got)
		}
	}
}

func TestAFlowMovesOnWhenItsTargetIsCut(t *testing.T) {
	spec := described(balancer.UDP, answerPackets(t, "a"))
	spec.Terminate = true
	s := setUp(t, spec, nil)
	c := dial(t, "udp", s.at)
	if got := ask(t, c, ""); got != "a" {
		t.Fatal(got)
	}
	next := *spec
	b := answerPackets(t, "b")
	next.Targets = []balancer.Target{{ID: b.Addr().String(), Port: b.Port(), Zone: "all"}}
	s.group.Set(&next)
	got := make([]byte, 10)
	for n := 0; string(got[:n]) != "b"; n, _ = c.Read(got) { // what is under way when the old target is cut may be lost
		io.WriteString(c, "")
		c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	}
}

func TestAFlowMovesOnFromATargetThatLeftAndIsGone(t *testing.T) {
	gone, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	spec := described(balancer.UDP, addrPort(gone.LocalAddr()))
	s := setUp(t, spec, nil)
	c := dial(t, "udp", s.at)
	io.WriteString(c, "question")
	if _, _, err := gone.ReadFrom(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	gone.Close()
	next := *spec
	b := answerPackets(t, "b")
	next.Targets = []balancer.Target{spec.Targets[0], {ID: b.Addr().String(), Port: b.Port(), Zone: "all"}}
	next.Targets[0].DrainingSince = time.Now()
	s.group.Set(&next)
	if got := askUntilAnswered(c); got != "b" {
		t.Errorf("the client of a target that is gone, though it drains, gets %q", got)
	}
}

// askUntilAnswered sends packets, of which some may be lost, until one is answered or half a minute is over.
func askUntilAnswered(c net.Conn) string {
	got := make([]byte, 10)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		io.WriteString(c, "")
		c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, err := c.Read(got); err == nil {
			return string(got[:n])
		}
	}
	return ""
}

func TestAFlowWhoseWayBreaksOffBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door, n := inMemory(t)
		const client = "192.0.2.1:5353"
		for _, want := range []string{"1", "2"} {
			door.in <- client + " question"
			if got := <-door.out; got != client+" "+want {
				t.Errorf("%q, want %q", got, want)
			}
			door.in <- client + " " + breaksOff
			synctest.Wait()
			if n.Open() != 0 {
				t.Errorf("%d flows are left", n.Open())
			}
		}
	})
}

// memory is a socket of packets that waits in virtual time.
type memory struct {
	in, out chan string
	closed  chan struct{}
	once    sync.Once
}

func newMemory() *memory {
	return &memory{in: make(chan string), out: make(chan string, 1000), closed: make(chan struct{})}
}

func (m *memory) ReadFrom(p []byte) (int, net.Addr, error) {
	select {
	case packet := <-m.in:
		from, text, _ := strings.Cut(packet, " ")
		return copy(p, text), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from)), nil
	case <-m.closed:
		return 0, nil, net.ErrClosed
	}
}

func (m *memory) WriteTo(p []byte, to net.Addr) (int, error) {
	m.out <- to.String() + " " + string(p)
	return len(p), nil
}
func (m *memory) Close() error                     { m.once.Do(func() { close(m.closed) }); return nil }
func (m *memory) LocalAddr() net.Addr              { return &net.UDPAddr{} }
func (m *memory) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (m *memory) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (m *memory) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// breaksOff is a packet at which a target's connection ends, as one through another process does with that.
const breaksOff = "break off"

// pipes is a target.Dialer whose targets answer each packet by the number of their connection.
type pipes struct{ made atomic.Int32 }

func (p *pipes) Dial(context.Context, string, string, netip.Addr, netip.AddrPort) (net.Conn, error) {
	name := fmt.Sprint(p.made.Add(1))
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		for buffer := make([]byte, 100); ; {
			n, err := far.Read(buffer)
			if err != nil || string(buffer[:n]) == breaksOff {
				return
			}
			if _, err := io.WriteString(far, name); err != nil {
				return
			}
		}
	}()
	return near, nil
}

func (p *pipes) DialInstance(ctx context.Context, network, _ string, _ uint16) (net.Conn, error) {
	return nil, net.ErrClosed
}

// inMemory is a UDP listener of at most two flows in virtual time.
func inMemory(t *testing.T) (*memory, *Listener) {
	t.Helper()
	group := target.New(target.Config{Dialer: &pipes{}}, described(balancer.UDP, netip.MustParseAddrPort("10.0.9.1:53")))
	group.Use([]balancer.Address{here})
	t.Cleanup(group.Close)
	return before(t, group)
}

// before is such a listener before a group.
func before(t *testing.T, group *target.Group) (*memory, *Listener) {
	t.Helper()
	n, err := New(Config{Groups: func(string) *target.Group { return group }, Room: &room.Room{Most: 4}}, &balancer.Balancer{}, &balancer.Listener{
		Protocol: balancer.UDP,
		Rules:    []balancer.Rule{{Action: balancer.Action{Forward: &balancer.Forward{Groups: []balancer.Weighted{{Group: "group"}}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	door := newMemory()
	go n.ServePacket(door, standHere)
	t.Cleanup(func() { n.Shutdown(context.Background()) })
	return door, n
}

func TestAFlowEndsWhenNothingPassesForTwoMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door, n := inMemory(t)
		const client = "192.0.2.1:5353"
		for _, c := range []struct {
			after time.Duration
			flow  string
		}{{0, "1"}, {119 * time.Second, "1"}, {119 * time.Second, "1"}, {151 * time.Second, "2"}} {
			time.Sleep(c.after)
			synctest.Wait()
			door.in <- client + " question"
			if got, want := <-door.out, client+" "+c.flow; got != want {
				t.Errorf("after %v more: %q, want %q", c.after, got, want)
			}
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if n.Open() != 0 {
			t.Errorf("%d flows are left", n.Open())
		}
	})
}

func TestMoreFlowsThanAllowedAreTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door, n := inMemory(t)
		for i := range 5 {
			door.in <- fmt.Sprintf("192.0.2.1:%d question", 1000+i)
		}
		synctest.Wait()
		if len(door.out) != 2 || n.Open() != 2 {
			t.Errorf("%d answers, %d flows", len(door.out), n.Open())
		}
	})
}
