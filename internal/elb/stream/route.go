package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/target"
)

// dialTimeout is for how long a connection to one target is tried, and tries how many targets are.
const (
	dialTimeout = 5 * time.Second
	tries       = 3
)

// way is a connection to a target that was picked for a client. Its taker closes conn and calls target.End.
type way struct {
	target *target.Target
	conn   net.Conn
	group  *balancer.Group
}

// route picks a target for a client that came in at an address of the load balancer, and connects to it.
func (n *Listener) route(ctx context.Context, network string, s *settings, client netip.Addr, at balancer.Address) (way, error) {
	arn := draw(s.listener)
	group := n.config.Groups(arn)
	if group == nil {
		return way{}, fmt.Errorf("listener %s forwards to %q, which is no target group", s.listener.ARN, arn)
	}
	want := target.Want{Zone: at.Zone, CrossZone: s.balancer.CrossZone, Source: client}
	for try := 1; ; try++ {
		t, err := group.Pick(want)
		if err != nil {
			return way{}, err
		}
		dialing, cancel := context.WithTimeout(ctx, dialTimeout)
		conn, err := t.Dial(dialing, network, at.IP)
		cancel()
		if err == nil {
			return way{t, conn, group.Spec()}, nil
		}
		t.End()
		if try == tries || ctx.Err() != nil {
			return way{}, err
		}
		want.Avoid = t
	}
}

// draw takes one of the groups to which the listener forwards, by their weights.
func draw(l *balancer.Listener) string {
	if len(l.Rules) == 0 || l.Rules[len(l.Rules)-1].Action.Forward == nil {
		return ""
	}
	groups := l.Rules[len(l.Rules)-1].Action.Forward.Groups
	if len(groups) == 1 {
		return groups[0].Group
	}
	sum := 0
	for _, g := range groups {
		sum += g.Weight
	}
	if sum == 0 {
		return ""
	}
	ticket := rand.IntN(sum)
	for _, g := range groups {
		if ticket -= g.Weight; ticket < 0 {
			return g.Group
		}
	}
	return ""
}
