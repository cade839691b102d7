package network

import (
	"net/netip"
	"testing"
)

func TestResolvConfOfABridgedContainer(t *testing.T) {
	b := Bridged{Address: netip.MustParseAddr("100.80.24.4"), Resolver: netip.MustParseAddr("100.80.24.2")}
	for _, c := range []struct{ name, host, want string }{
		{"the host's resolvers are the container's", "search corp\nnameserver 10.0.0.53\noptions ndots:2\n", "search corp\nnameserver 10.0.0.53\noptions ndots:2\n"},
		{"one on the host's loopback interface is replaced", "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n", "nameserver 100.80.24.2\noptions edns0 trust-ad\nsearch .\n"},
		{"so is one of the cloud's", "nameserver 169.254.169.253\nnameserver 10.0.0.53\n", "nameserver 100.80.24.2\nnameserver 10.0.0.53\n"},
		{"and one that has no IPv4 address", "nameserver 2001:db8::53%eth0\n", "nameserver 100.80.24.2\n"},
		{"a host without resolvers", "", "nameserver 100.80.24.2\n"},
	} {
		if got := string(b.ResolvConf([]byte(c.host))); got != c.want {
			t.Errorf("%s: %q becomes %q, want %q", c.name, c.host, got, c.want)
		}
	}
}
