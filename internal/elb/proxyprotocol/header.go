// Package proxyprotocol writes the header of the PROXY protocol, version 2, by which network load balancers tell their targets
// who the client is (haproxy.org, doc/proxy-protocol.txt). Package stream puts it before connections and packets, package
// target before health checks.
package proxyprotocol

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

var signature = [12]byte{'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'}

const (
	version2 = 0x20
	local    = 0x0 // the connection is the sender's own
	proxied  = 0x1

	inet     = 0x10
	inet6    = 0x20
	streams  = 0x1
	packets  = 0x2
	fixed    = 16 // bytes, up to the addresses
	checksum = 0x03
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header is what comes before a connection (tcp) or a packet from a client to an address of the load balancer. Like AWS's it
// ends with its CRC32C.
func Header(tcp bool, client, at netip.AddrPort) []byte {
	family := byte(inet)
	from, to := client.Addr().Unmap(), at.Addr().Unmap()
	if from.Is6() || to.Is6() {
		family = inet6
		from, to = netip.AddrFrom16(from.As16()), netip.AddrFrom16(to.As16())
	}
	transport := byte(packets)
	if tcp {
		transport = streams
	}
	addresses := append(from.AsSlice(), to.AsSlice()...)
	addresses = binary.BigEndian.AppendUint16(addresses, client.Port())
	addresses = binary.BigEndian.AppendUint16(addresses, at.Port())
	return sealed(proxied, family|transport, addresses)
}

// Local comes before a connection of the load balancer itself: a health check.
func Local() []byte { return sealed(local, 0, nil) }

// sealed is a header with its checksum, which is computed over the header with zeros in its place.
func sealed(command, transport byte, addresses []byte) []byte {
	header := append(make([]byte, 0, fixed+len(addresses)+7), signature[:]...)
	header = append(header, version2|command, transport)
	header = binary.BigEndian.AppendUint16(header, uint16(len(addresses)+7))
	header = append(header, addresses...)
	header = append(header, checksum, 0, 4, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(header[len(header)-4:], crc32.Checksum(header, castagnoli))
	return header
}
