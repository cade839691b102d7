package network

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func routes(prefixes ...string) (use []taken) {
	for _, p := range prefixes {
		use = append(use, taken{Prefix: netip.MustParsePrefix(p)})
	}
	return use
}

func TestChooseLinkRange(t *testing.T) {
	tests := []struct {
		name  string
		use   []taken
		block string // where the range is expected; "" where none is
	}{
		{"an ordinary host", routes("192.168.1.0/24", "127.0.0.0/8"), "100.64.0.0/10"},
		{"a default route is no obstacle", routes("0.0.0.0/0"), "100.64.0.0/10"},
		{"nor is one in two halves", routes("0.0.0.0/1", "128.0.0.0/1"), "100.64.0.0/10"},
		{"one address of a provider's NAT takes the shared space", routes("100.101.2.3/32"), "10.0.0.0/8"},
		{"a link of Berth does not", []taken{{netip.MustParsePrefix("100.64.0.0/20"), true}}, "100.64.0.0/10"},
		{"a company's network takes 10/8", routes("100.64.0.0/10", "10.0.0.0/8"), "172.16.0.0/12"},
		{"nothing is free", routes("100.64.0.0/10", "10.0.0.0/8", "172.16.0.0/12"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := chooseLinkRange("seed", test.use)
			if test.block == "" {
				if err == nil {
					t.Errorf("got %s, want an error", got)
				}
				return
			}
			if err != nil || !netip.MustParsePrefix(test.block).Overlaps(got) {
				t.Errorf("got %s, %v, want one in %s", got, err, test.block)
			}
		})
	}
}

func TestChosenRangeIsFree(t *testing.T) {
	prefix := rapid.Custom(func(t *rapid.T) netip.Prefix {
		block := rapid.SampledFrom(linkBlocks).Draw(t, "block")
		addr := addr4(number(block.Addr()) + rapid.Uint32Max(1<<(32-block.Bits())-1).Draw(t, "address"))
		return netip.PrefixFrom(addr, rapid.IntRange(8, 32).Draw(t, "bits")).Masked()
	})
	rapid.Check(t, func(t *rapid.T) {
		var use []taken
		for _, p := range rapid.SliceOf(prefix).Draw(t, "use") {
			use = append(use, taken{Prefix: p, berth: rapid.Bool().Draw(t, "berth")})
		}
		avoid := rapid.SliceOfN(prefix, 0, 3).Draw(t, "avoid")
		got, err := chooseLinkRange(rapid.String().Draw(t, "seed"), use, avoid...)
		if err != nil {
			return
		}
		if got != got.Masked() || got.Bits() != linkBits {
			t.Fatalf("%s is not a /%d", got, linkBits)
		}
		if !rangeIsFree(got, use) || overlapsAny(got, avoid) {
			t.Fatalf("%s is in use", got)
		}
	})
}

func TestLinkRangeHandsOutAllItsAddressesOnce(t *testing.T) {
	r := newLinkRange(netip.MustParsePrefix("100.64.16.0/24"))
	r.adopt(netip.MustParseAddr("100.64.16.4"), "adopted")
	seen := map[netip.Addr]bool{r.host(): true, r.router(): true, netip.MustParseAddr("100.64.16.4"): true}
	var last netip.Addr
	for {
		addr, err := r.take("task")
		if err != nil {
			break
		}
		if seen[addr] || !r.prefix.Contains(addr) {
			t.Fatalf("%s was handed out, and is another's", addr)
		}
		seen[addr], last = true, addr
	}
	if last.String() != "100.64.16.254" || len(seen) != 2+251 {
		t.Errorf("%d addresses in use, the last %s", len(seen), last)
	}
	r.give(netip.MustParseAddr("100.64.16.9"))
	if addr, err := r.take("task"); err != nil || addr.String() != "100.64.16.9" {
		t.Errorf("the one that was given back: got %s, %v", addr, err)
	}
}
