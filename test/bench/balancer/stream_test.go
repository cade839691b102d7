package balancer

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/stream"
	"github.com/berth-dev/berth/internal/elb/target"
)

// BenchmarkStreams has the same requests go over TCP, of which no proxy looks at the bytes.
func BenchmarkStreams(b *testing.B) {
	requires(b, "nginx", "wrk", "taskset")
	origin := startOrigin(b)
	proxies := []*proxy{startStreamBerth(b, origin)}
	if _, err := os.Stat(streamModule); err == nil {
		proxies = append(proxies, startStreamNginx(b, origin))
	}
	if has("haproxy") {
		proxies = append(proxies, startStreamHAProxy(b, origin))
	}
	for _, l := range []load{
		{"64 connections, 64 bytes", "/small", 64}, {"512 connections, 64 bytes", "/small", 512},
		{"a connection for each request", "/close", 64}, {"16 connections, 1 MB", "/large", 16},
	} {
		b.Run(l.name, func(b *testing.B) {
			for range b.N {
				results := map[string][]result{}
				for round := range *rounds {
					order := slices.Clone(proxies)
					if round%2 == 1 {
						slices.Reverse(order)
					}
					for _, p := range order {
						results[p.name] = append(results[p.name], p.measure(b, l))
					}
				}
				report(b, proxies, results)
			}
		})
	}
}

// streamModule is where Debian keeps what nginx needs to balance TCP.
const streamModule = "/usr/lib/nginx/modules/ngx_stream_module.so"

func startStreamNginx(b *testing.B, origin string) *proxy {
	addr, dir := free(b), b.TempDir()
	conf := write(b, "nginx.conf", fmt.Sprintf(`load_module %s; daemon off; worker_processes 1; pid %s/pid; error_log stderr crit;
events { worker_connections 4096; }
stream { server { listen %s; proxy_pass %s; proxy_timeout 350s; } }`, streamModule, dir, addr, origin))
	return &proxy{"nginx", addr, start(b, 0, addr, nil, "nginx", "-c", conf, "-p", dir)}
}

func startStreamHAProxy(b *testing.B, origin string) *proxy {
	addr := free(b)
	conf := write(b, "haproxy.cfg", fmt.Sprintf(`global
  nbthread 1
  maxconn 4096
defaults
  mode tcp
  timeout client 350s
  timeout server 350s
  timeout connect 5s
  option splice-auto
listen streams
  bind %s
  server o1 %s
`, addr, origin))
	return &proxy{"haproxy", addr, start(b, 0, addr, nil, "haproxy", "-db", "-f", conf)}
}

// streamVar tells TestServeStream where to listen, and its target.
const streamVar = "BERTH_BENCH_STREAM"

func startStreamBerth(b *testing.B, origin string) *proxy {
	addr := free(b)
	env := []string{streamVar + "=" + addr + " " + origin}
	return &proxy{"berth", addr, start(b, 0, addr, env, os.Args[0], "-test.run", "^TestServeStream$")}
}

// TestServeStream is the program that BenchmarkStreams starts.
func TestServeStream(t *testing.T) {
	addr, origin, ok := strings.Cut(os.Getenv(streamVar), " ")
	if !ok {
		t.Skip("BenchmarkStreams starts this")
	}
	at := netip.MustParseAddrPort(origin)
	here := balancer.Address{Zone: "a"}
	group := target.New(target.Config{Dialer: loopback{}}, &balancer.Group{
		ARN: "group", Protocol: balancer.TCP, Targets: []balancer.Target{{ID: at.Addr().String(), Port: at.Port(), Zone: "all"}},
	})
	group.Use([]balancer.Address{here})
	forward := &balancer.Forward{Groups: []balancer.Weighted{{Group: "group", Weight: 1}}}
	groups := stream.Config{Groups: func(string) *target.Group { return group }}
	listener, err := stream.New(groups, &balancer.Balancer{Network: true}, &balancer.Listener{Protocol: balancer.TCP, Rules: []balancer.Rule{{Action: balancer.Action{Forward: forward}}}})
	if err != nil {
		t.Fatal(err)
	}
	config := net.ListenConfig{KeepAlive: -1} // as load balancers listen in a VPC
	l, err := config.Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Serve(l, here); err != nil {
		t.Fatal(err)
	}
}
