// Package balancer measures the load balancer's HTTP/1.1 path beside nginx and haproxy: requests per second and processor
// time per request, in rounds that take turns, so that a busy machine disturbs all of them alike. It needs nginx, haproxy and
// wrk; what is missing is left out.
//
//	go test -run '^$' -bench . -benchtime 1x ./test/bench/balancer [-args -rounds 5 -for 3s]
package balancer

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

var (
	rounds = flag.Int("rounds", 5, "how often each proxy is measured")
	length = flag.Duration("for", 3*time.Second, "how long a measurement takes")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if at := os.Getenv(serveVar); at != "" {
		serveBerth(at)
		return
	}
	os.Exit(m.Run())
}

// load is one kind of traffic.
type load struct {
	name        string
	path        string
	connections int
}

func BenchmarkBalancers(b *testing.B) {
	requires(b, "nginx", "wrk", "taskset")
	origin := startOrigin(b)
	proxies := []*proxy{startBerth(b, origin), startNginx(b, origin)}
	if has("haproxy") {
		proxies = append(proxies, startHAProxy(b, origin))
	}
	for _, l := range []load{{"64 connections, 64 bytes", "/small", 64}, {"512 connections, 64 bytes", "/small", 512}, {"16 connections, 1 MB", "/large", 16}} {
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

// report prints the medians, and those of berth beside each other's.
func report(b *testing.B, proxies []*proxy, results map[string][]result) {
	median := func(name string, of func(result) float64) float64 {
		var values []float64
		for _, r := range results[name] {
			values = append(values, of(r))
		}
		return slices.Sorted(slices.Values(values))[len(values)/2]
	}
	rate := func(r result) float64 { return r.rate }
	cost := func(r result) float64 { return r.cost }
	for _, p := range proxies {
		line := fmt.Sprintf("%-8s %8.0f requests/s %7.1f us of processor each", p.name, median(p.name, rate), median(p.name, cost))
		if p.name != "berth" {
			quick, cheap := median("berth", rate)/median(p.name, rate), median("berth", cost)/median(p.name, cost)
			line += fmt.Sprintf("   berth: %.2fx the requests, %.2fx the processor", quick, cheap)
			b.ReportMetric(quick, "x-"+p.name+"-requests")
			b.ReportMetric(cheap, "x-"+p.name+"-processor")
		}
		b.Log(line)
	}
}
