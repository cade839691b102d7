package target

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// Target is one target of a group. Pick gives it with a request or connection begun; the taker calls End when that is over.
type Target struct {
	group *Group
	key   balancer.TargetKey
	addr  netip.AddrPort // of an address target

	hash uint64

	open    atomic.Int64 // requests and connections
	left    atomic.Bool  // takes nothing new: draining or removed
	leaving chan struct{}
	slow    atomic.Pointer[time.Time] // beginning of its slow start; nil: it takes its whole share

	// Under the group's mu.
	zone    string    // availability zone, or "all"
	since   time.Time // of draining
	delay   *time.Timer
	drained bool
	life    context.Context // of what is open now
	cut     context.CancelFunc
	used    bool
	change  int // of the group, by which it came into use
	verdict verdict
	probe   *probe
}

func newTarget(g *Group, s balancer.Target) *Target {
	t := &Target{group: g, key: s.Key(), leaving: make(chan struct{})}
	t.life, t.cut = context.WithCancel(context.Background())
	t.hash = xxhash.Sum64String(net.JoinHostPort(s.ID, strconv.Itoa(int(s.Port))))
	if ip, err := netip.ParseAddr(s.ID); err == nil {
		t.addr = netip.AddrPortFrom(ip, s.Port)
	}
	return t
}

// Key names the target within its group.
func (t *Target) Key() balancer.TargetKey { return t.key }

// Dial connects to the target, from an address of the load balancer. network is "tcp" or "udp".
func (t *Target) Dial(ctx context.Context, network string, from netip.Addr) (net.Conn, error) {
	return t.dial(ctx, network, from, t.key.Port)
}

func (t *Target) dial(ctx context.Context, network string, from netip.Addr, port uint16) (net.Conn, error) {
	spec := t.group.Spec()
	if spec.Instance {
		return t.group.config.Dialer.DialInstance(ctx, network, t.key.ID, port)
	}
	if !t.addr.IsValid() {
		return nil, fmt.Errorf("dial target %s of %s: it is not an IP address", t.key.ID, spec.ARN)
	}
	return t.group.config.Dialer.Dial(ctx, network, spec.VPC, from, netip.AddrPortFrom(t.addr.Addr(), port))
}

// Begin counts a further request or connection of a target that the caller has picked already. It fails when the target takes
// nothing new any more.
func (t *Target) Begin() bool {
	t.open.Add(1)
	if t.left.Load() {
		t.End()
		return false
	}
	return true
}

// End says that a request or connection is over.
func (t *Target) End() {
	if t.open.Add(-1) == 0 && t.left.Load() {
		t.group.ended(t)
	}
}

// Open is how many requests and connections are under way.
func (t *Target) Open() int { return int(t.open.Load()) }

// Left is whether the target takes nothing new: it drains, or is gone.
func (t *Target) Left() bool { return t.left.Load() }

// Leaving is closed once the target takes nothing new. Requests under way go on; connections without one close.
func (t *Target) Leaving() <-chan struct{} { return t.leaving }

// Life is of the connections that are opened to the target now: it is done when they must be closed, because the deregistration
// delay is over and the group does not let connections outlive it, because a network load balancer's target became unhealthy, or
// because the group is gone. context.AfterFunc tells of it without a goroutine for each connection.
func (t *Target) Life() context.Context {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	return t.life
}

// Cut is closed when the life of what is open now is over.
func (t *Target) Cut() <-chan struct{} { return t.Life().Done() }

// set takes what the group's description says of the target. Under the group's mu.
func (t *Target) set(s balancer.Target) {
	t.zone = cmp.Or(s.Zone, "all") // of a machine that does not say where it is, it is not known
	if !s.DrainingSince.IsZero() {
		t.drain(s.DrainingSince)
	}
	t.use()
}

// leave makes the target take nothing new. Under the group's mu.
func (t *Target) leave() {
	if !t.left.Swap(true) {
		close(t.leaving)
	}
	t.unprobe()
}

// replace ends a draining target that is registered again: what it has open goes on. Under the group's mu.
func (t *Target) replace() {
	t.leave()
	if t.delay != nil {
		t.delay.Stop()
	}
}

// remove takes the target out of its group. What it still has open may go on only where it may outlive the deregistration
// delay, or where the target did not drain at all. Under the group's mu.
func (t *Target) remove() {
	t.replace()
	if t.group.Spec().Terminate || t.draining() && !network(t.group.Spec()) {
		t.sever()
	}
}

// sever makes those who hold connections to the target close them. Under the group's mu.
func (t *Target) sever() {
	t.cut()
	if !t.left.Load() {
		t.life, t.cut = context.WithCancel(context.Background())
	}
}
