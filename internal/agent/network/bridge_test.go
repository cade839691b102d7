package network

import (
	"net/netip"
	"testing"
)

func TestResolvConfOfABridgedContainer(t *testing.T) {
	b := Bridged{Address: netip.MustParseAddr("100.80.24.4"), Resolver: netip.MustParseAddr("100.80.24.2")}
	for _, c := range []struct{ name, host, want string }{
		{"the bridge's resolver knows names that the host's do not", "search corp\nnameserver 10.0.0.53\noptions ndots:2\n", "nameserver 100.80.24.2\nsearch corp\noptions ndots:2\n"},
		{"one on the host's loopback interface could not be reached", "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n", "nameserver 100.80.24.2\noptions edns0 trust-ad\nsearch .\n"},
		{"several are one", "nameserver 169.254.169.253\nnameserver 10.0.0.53\n# ours", "nameserver 100.80.24.2\n# ours\n"},
		{"a host without resolvers", "", "nameserver 100.80.24.2\n"},
	} {
		if got := string(b.ResolvConf([]byte(c.host))); got != c.want {
			t.Errorf("%s: %q becomes %q, want %q", c.name, c.host, got, c.want)
		}
	}
}
