package network

import (
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The words of nftables that the rules here are written in. Each returns part of a rule; rule joins them.

func rule(parts ...[]expr.Any) []expr.Any {
	var exprs []expr.Any
	for _, part := range parts {
		exprs = append(exprs, part...)
	}
	return exprs
}

// iifname matches the name of the interface that the packet came in by.
func iifname(name string) []expr.Any { return ifname(expr.MetaKeyIIFNAME, name, expr.CmpOpEq) }

// oifname matches the name of the interface that the packet goes out by.
func oifname(name string) []expr.Any { return ifname(expr.MetaKeyOIFNAME, name, expr.CmpOpEq) }

func notOifname(name string) []expr.Any { return ifname(expr.MetaKeyOIFNAME, name, expr.CmpOpNeq) }

// ifname compares an interface's name; a name that ends in * matches by what stands before it.
func ifname(key expr.MetaKey, name string, op expr.CmpOp) []expr.Any {
	data := []byte(name)
	if n := len(data) - 1; data[n] == '*' {
		data = data[:n]
	} else {
		data = append(data, 0)
	}
	return []expr.Any{
		&expr.Meta{Key: key, Register: 1},
		&expr.Cmp{Op: op, Register: 1, Data: data},
	}
}

// ctState matches connections in one of the states.
func ctState(states uint32) []expr.Any { return ctBits(expr.CtKeySTATE, states) }

const ctStatusDNAT = 1 << 5 // IPS_DST_NAT

// translated matches connections whose destination a dnat has changed.
func translated() []expr.Any { return ctBits(expr.CtKeySTATUS, ctStatusDNAT) }

func ctBits(key expr.CtKey, mask uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: key, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(mask), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

// sourceIs matches the packet's source address.
func sourceIs(addr netip.Addr) []expr.Any {
	return append(loadAddress(12), &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: addr.AsSlice()})
}

// destinationIs matches the packet's destination address.
func destinationIs(addr netip.Addr) []expr.Any {
	return append(loadAddress(16), &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: addr.AsSlice()})
}

// sourceWithin matches source addresses of a network.
func sourceWithin(net netip.Prefix) []expr.Any { return within(12, net) }

// destinationWithin matches destination addresses of a network.
func destinationWithin(net netip.Prefix) []expr.Any { return within(16, net) }

func within(offset uint32, net netip.Prefix) []expr.Any {
	return append(loadAddress(offset),
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: ipNet(net).Mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: net.Masked().Addr().AsSlice()})
}

// destinationIsLocal matches what is sent to an address of this namespace's.
func destinationIsLocal() []expr.Any {
	return []expr.Any{
		&expr.Fib{Register: 1, ResultADDRTYPE: true, FlagDADDR: true},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)},
	}
}

// dnatByPort sends packets to the address and port that the map has for their protocol and destination port; it passes
// over those that are not in it.
func dnatByPort(set *nftables.Set) []expr.Any {
	const word0, word1 = unix.NFT_REG32_00, unix.NFT_REG32_01
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: word0},
		&expr.Payload{DestRegister: word1, Base: expr.PayloadBaseTransportHeader, Offset: destinationPort, Len: 2},
		&expr.Lookup{SourceRegister: word0, DestRegister: word0, IsDestRegSet: true, SetName: set.Name, SetID: set.ID},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: word0, RegProtoMin: word1, Specified: true},
	}
}

// word is a byte as part of a concatenation, whose parts are of four bytes.
func word(b byte) []byte { return []byte{b, 0, 0, 0} }

// port is a port as part of a concatenation.
func port(n uint16) []byte { return []byte{byte(n >> 8), byte(n), 0, 0} }

func protocolNumber(name string) byte {
	if name == "udp" {
		return unix.IPPROTO_UDP
	}
	return unix.IPPROTO_TCP
}

// sourceIn matches source addresses that are in the set.
func sourceIn(set *nftables.Set) []expr.Any {
	return append(loadAddress(12), &expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID})
}

// destinationIn matches destination addresses that are in the set.
func destinationIn(set *nftables.Set) []expr.Any {
	return append(loadAddress(16), &expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID})
}

// dnatBy sends packets to where the map says, by their destination; it passes over those that are not in it.
func dnatBy(set *nftables.Set) []expr.Any {
	return append(loadAddress(16),
		&expr.Lookup{SourceRegister: 1, DestRegister: 1, IsDestRegSet: true, SetName: set.Name, SetID: set.ID},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1})
}

func loadAddress(offset uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4}}
}

// unreachable matches ICMP messages of that type.
func unreachable() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{3}},
	}
}

func accept() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}} }

func drop() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}} }

// reject answers that nothing listens there.
func reject() []expr.Any {
	return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: 3}}
}

// masquerade makes the packet's source the address of the interface that it leaves by.
func masquerade() []expr.Any { return []expr.Any{&expr.Masq{}} }

// replaceTable empties the table or makes it, in the batch that fills it: there is no moment without rules.
func replaceTable(nft *nftables.Conn, name string) *nftables.Table {
	table := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: name}
	nft.AddTable(table)
	nft.DelTable(table)
	return nft.AddTable(table)
}

// addChain adds a base chain whose name is its hook's and its rules, in order.
func addChain(nft *nftables.Conn, table *nftables.Table, name string, kind nftables.ChainType, hook *nftables.ChainHook,
	priority *nftables.ChainPriority, policy nftables.ChainPolicy, rules ...[]expr.Any) {
	chain := nft.AddChain(&nftables.Chain{Table: table, Name: name, Type: kind, Hooknum: hook, Priority: priority, Policy: &policy})
	for _, exprs := range rules {
		nft.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprs})
	}
}
