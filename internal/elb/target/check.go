package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/proxyprotocol"
)

// result is what a health check found: nothing when it passed.
type result struct {
	reason      balancer.Reason
	description string
}

// mismatch is the result of a check that was answered by a code that does not say healthy.
func mismatch(code string) result {
	return result{balancer.ResponseCodeMismatch, fmt.Sprintf(textCodes, code)}
}

// failure is the result of a check that was not answered.
func failure(ctx context.Context, err error) result {
	if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return result{balancer.Timeout, textTimeout}
	}
	return result{balancer.FailedHealthChecks, textFailed}
}

// network is whether a group is one of network load balancers. They tell of every failure alike.
func network(spec *balancer.Group) bool {
	return spec.Protocol != balancer.HTTP && spec.Protocol != balancer.HTTPS
}

// check makes one health check of the target.
func (t *Target) check(ctx context.Context, spec *balancer.Group) result {
	r := t.try(ctx, spec)
	if r.reason != "" && network(spec) {
		return result{balancer.FailedHealthChecks, textFailed}
	}
	return r
}

func (t *Target) try(ctx context.Context, spec *balancer.Group) result {
	port := t.key.Port
	if spec.Check.Port != 0 {
		port = spec.Check.Port
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		conn, err := t.dial(ctx, "tcp", t.group.from(t), port)
		if err != nil || !spec.ProxyProtocol {
			return conn, err
		}
		if deadline, ok := ctx.Deadline(); ok {
			_ = conn.SetWriteDeadline(deadline)
		}
		if _, err := conn.Write(proxyprotocol.Local()); err != nil {
			conn.Close()
			return nil, err
		}
		return conn, nil
	}
	switch spec.Check.Protocol {
	case balancer.HTTP, balancer.HTTPS:
		host := netip.AddrPortFrom(t.addr.Addr(), port).String()
		if !t.addr.IsValid() {
			host = fmt.Sprintf("%s:%d", t.key.ID, port)
		}
		return request{dial: dial, host: host, check: spec.Check, version: spec.Version}.do(ctx)
	case balancer.TCP:
		conn, err := dial(ctx)
		if err != nil {
			return failure(ctx, err)
		}
		conn.Close()
		return result{}
	}
	return result{balancer.InternalError, textInternal}
}

// from is the address from which a target is checked: that of a load balancer in its zone, where there is one.
func (g *Group) from(t *Target) netip.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	var from netip.Addr
	for _, at := range g.used {
		if at.Zone == t.zone || !from.IsValid() {
			from = at.IP
		}
	}
	return from
}
