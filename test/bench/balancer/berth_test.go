package balancer

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/berth-dev/berth/internal/elb/balancer"
	proxies "github.com/berth-dev/berth/internal/elb/proxy"
	"github.com/berth-dev/berth/internal/elb/target"
)

// serveVar tells this program to be the load balancer: where it listens, and its target.
const serveVar = "BERTH_BENCH_BALANCER"

func serveBerth(at string) {
	listen, origin, _ := strings.Cut(at, " ")
	if err := runBerth(listen, netip.MustParseAddrPort(origin)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runBerth(listen string, origin netip.AddrPort) error {
	standing := balancer.Address{IP: netip.MustParseAddr("127.0.0.1"), Zone: "a"}
	group := target.New(target.Config{Dialer: loopback{}}, &balancer.Group{ARN: "group", Protocol: balancer.HTTP, Version: balancer.HTTP1,
		Targets: []balancer.Target{{ID: origin.Addr().String(), Port: origin.Port(), Zone: "a"}}})
	group.Use([]balancer.Address{standing})
	p, err := proxies.New(proxies.Config{Groups: one{group}}, &balancer.Balancer{}, &balancer.Listener{Port: 80, Protocol: balancer.HTTP,
		Rules: []balancer.Rule{{Action: balancer.Action{Forward: &balancer.Forward{Groups: []balancer.Weighted{{Group: "group", Weight: 1}}}}}}})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	return p.Serve(l, standing)
}

// one is the only group there is.
type one struct{ group *target.Group }

func (o one) Group(string) *target.Group { return o.group }

// loopback reaches targets on this machine.
type loopback struct{}

func (loopback) Dial(ctx context.Context, network, _ string, _ netip.Addr, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, to.String())
}

func (loopback) DialInstance(context.Context, string, string, uint16) (net.Conn, error) {
	return nil, fmt.Errorf("no instances here")
}
