package proxyprotocol

import (
	"encoding/hex"
	"hash/crc32"
	"net/netip"
	"testing"
)

func TestHeaderSaysWhoTheClientIs(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("[2001:db8::1]:40000")
	at := netip.MustParseAddrPort("10.0.0.1:443")
	const signature = "0d0a0d0a000d0a515549540a"
	cases := []struct {
		name   string
		header []byte
		want   string // up to the checksum
	}{
		{"TCP over IPv4", Header(true, v4, at), "21110013" + "c0000201" + "0a000001" + "9c40" + "01bb"},
		{"UDP over IPv4", Header(false, v4, at), "21120013" + "c0000201" + "0a000001" + "9c40" + "01bb"},
		{"an IPv6 client", Header(true, v6, at), "2121002b" + "20010db8000000000000000000000001" + "00000000000000000000ffff0a000001" + "9c40" + "01bb"},
		{"a health check", Local(), "20000007"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := hex.EncodeToString(c.header[:len(c.header)-4])
			if want := signature + c.want + "030004"; got != want {
				t.Errorf("header is %s, want %s", got, want)
			}
			zeroed := append(append([]byte(nil), c.header[:len(c.header)-4]...), 0, 0, 0, 0)
			sum := crc32.Checksum(zeroed, crc32.MakeTable(crc32.Castagnoli))
			if got, want := hex.EncodeToString(c.header[len(c.header)-4:]), hex.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}); got != want {
				t.Errorf("checksum is %s, want %s", got, want)
			}
		})
	}
}
