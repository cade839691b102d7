package stream

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

func TestWhatWaitsIsBoundedInPacketsAndBytes(t *testing.T) {
	for name, c := range map[string]struct{ size, want int }{
		"small packets":      {10, maxWaiting},
		"large ones":         {30_000, 2},
		"the largest of all": {maxPacket, 1},
		"empty ones":         {0, maxWaiting},
	} {
		held := new(atomic.Int64)
		b := backlog{held: held}
		for range 100 {
			b.add(make([]byte, c.size))
		}
		if len(b.packets) != c.want || held.Load() != int64(c.want*c.size) {
			t.Errorf("%s: %d wait, with %d bytes, want %d", name, len(b.packets), held.Load(), c.want)
		}
		b.take()
		if b.drop(); held.Load() != 0 {
			t.Errorf("%s: %d bytes are held of nothing", name, held.Load())
		}
	}
	full := new(atomic.Int64)
	full.Store(maxHeldBytes)
	b := backlog{held: full}
	if b.add([]byte("x")); len(b.packets) != 0 || full.Load() != maxHeldBytes {
		t.Error("more waits than a listener may hold")
	}
}

// stuck is a target.Dialer whose first connection takes nothing.
type stuck struct{ pipes }

func (s *stuck) Dial(ctx context.Context, network, vpc string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	if s.made.Add(1) == 1 {
		near, _ := net.Pipe()
		return near, nil
	}
	s.made.Add(-1)
	return s.pipes.Dial(ctx, network, vpc, from, to)
}

func TestAConnectionThatTakesNothingHoldsUpNoOtherFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := target.New(target.Config{Dialer: &stuck{}}, described(balancer.UDP, netip.MustParseAddrPort("10.0.9.1:53")))
		group.Use([]balancer.Address{here})
		defer group.Close()
		door, n := before(t, group)
		door.in <- "192.0.2.1:1 lost"
		synctest.Wait()
		began := time.Now()
		for range 2 * maxWaiting {
			door.in <- "192.0.2.1:1 lost"
		}
		door.in <- "192.0.2.2:2 question"
		if got := <-door.out; got != "192.0.2.2:2 2" || time.Since(began) != 0 {
			t.Errorf("another is answered %q after %v", got, time.Since(began))
		}
		time.Sleep(sendTime)
		synctest.Wait()
		if n.Open() != 1 || n.held.Load() != 0 {
			t.Errorf("%d flows, %d bytes wait", n.Open(), n.held.Load())
		}
		door.in <- "192.0.2.1:1 question"
		if got := <-door.out; got != "192.0.2.1:1 3" {
			t.Errorf("the flow that begins anew is answered %q", got)
		}
	})
}

func TestAFlowThatRestsMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door, _ := inMemory(t)
		for _, client := range []string{"192.0.2.1:1", "192.0.2.2:2"} {
			door.in <- client + " question"
			<-door.out
		}
		time.Sleep(restingUDP)
		door.in <- "192.0.2.3:3 question"
		if got := <-door.out; got != "192.0.2.3:3 3" {
			t.Errorf("a flow is answered %q where others rest", got)
		}
	})
}
