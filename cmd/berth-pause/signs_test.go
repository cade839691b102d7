//go:build linux

package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/berth-dev/berth/internal/agent/engine/docker/carrier"
)

func TestNamesOfLoadBalancersInHosts(t *testing.T) {
	const theirs = "127.0.0.1 localhost\n172.17.0.2 web # written by hand\n"
	one := carrier.Sign{Name: "one.elb.localhost", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("10.0.16.5")}}
	two := carrier.Sign{Name: "two.elb.localhost", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.6")}}
	ones := "10.0.0.5 one.elb.localhost # load balancer\n10.0.16.5 one.elb.localhost # load balancer\n"
	path := filepath.Join(t.TempDir(), "hosts")
	for what, c := range map[string]struct {
		was   string
		signs []carrier.Sign
		is    string
	}{
		"none":                  {theirs, nil, theirs},
		"the first":             {theirs, []carrier.Sign{one}, theirs + ones},
		"the same":              {theirs + ones, []carrier.Sign{one}, theirs + ones},
		"another":               {theirs + ones, []carrier.Sign{two}, theirs + "10.0.0.6 two.elb.localhost # load balancer\n"},
		"the last is gone":      {theirs + ones, nil, theirs},
		"before others' lines":  {ones + theirs, []carrier.Sign{one}, theirs + ones},
		"an end without a line": {"127.0.0.1 localhost", []carrier.Sign{one}, "127.0.0.1 localhost\n" + ones},
		"an empty file":         {"", []carrier.Sign{one}, ones},
	} {
		if err := os.WriteFile(path, []byte(c.was), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := rewrite(path, func(text []byte) []byte { return named(text, c.signs) }); err != nil {
			t.Fatal(err)
		}
		if is, err := os.ReadFile(path); err != nil || string(is) != c.is {
			t.Errorf("%s: %q, %v, not %q", what, is, err, c.is)
		}
	}
}
