package network

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// RewriteMetadataPort lets a listener on MetadataPort answer at MetadataAddress port 80, in the network namespace that the
// calling thread is in. A listener on port 80 itself would keep the task's own programs from listening on that port of all
// addresses, as web servers do. No connection is tracked for it: each of the two directions has its rule.
//
//	output: oifname "lo" ip daddr 169.254.170.2 tcp dport 80 tcp dport set 51679
//	        oifname "lo" ip saddr 169.254.170.2 tcp sport 51679 tcp sport set 80
func RewriteMetadataPort() error {
	nft, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	table := nft.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "berth"})
	addChain(nft, table, "output", nftables.ChainTypeFilter, nftables.ChainHookOutput, nftables.ChainPriorityMangle, nftables.ChainPolicyAccept,
		rule(oifname("lo"), destinationIs(MetadataAddress), tcp(), portIs(destinationPort, 80), setPort(destinationPort, MetadataPort)),
		rule(oifname("lo"), sourceIs(MetadataAddress), tcp(), portIs(sourcePort, MetadataPort), setPort(sourcePort, 80)))
	if err := nft.Flush(); err != nil {
		return fmt.Errorf("task rules (they need the kernel's nf_tables): %w", err)
	}
	return nil
}

// Where the ports are in a TCP header, and its checksum.
const (
	sourcePort      = 0
	destinationPort = 2
	tcpChecksum     = 16
)

func tcp() []expr.Any { return protocolIs(unix.IPPROTO_TCP) }

func protocolIs(number byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{number}},
	}
}

// portIs matches one of the ports of a TCP segment.
func portIs(which uint32, port uint16) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: which, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, port)},
	}
}

// setPort changes one of the ports of a TCP segment.
func setPort(which uint32, port uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binary.BigEndian.AppendUint16(nil, port)},
		&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: which, Len: 2,
			CsumType: expr.CsumTypeInet, CsumOffset: tcpChecksum},
	}
}
