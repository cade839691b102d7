package network

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// hostTable is the name of an instance's nftables table on the host:
//
//	set routers { type ipv4_addr }                           # the router end of each VPC's link
//	postrouting: ip saddr @routers oifname != "b<instance>-*" masquerade
//	forward:     oifname "b<instance>-*" ct state new drop   # tasks are the host's to reach, not its neighbours'
func hostTable(instance string) string { return "berth-" + instance }

// linkPrefix begins the names of an instance's links on the host.
func linkPrefix(instance string) string { return "b" + instance + "-" }

// replaceHostRules puts the instance's rules on the host in place at once.
func replaceHostRules(instance string, routers []netip.Addr) error {
	nft, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	links := linkPrefix(instance) + "*"
	table := replaceTable(nft, hostTable(instance))
	set := &nftables.Set{Table: table, Name: "routers", KeyType: nftables.TypeIPAddr}
	var elements []nftables.SetElement
	for _, addr := range routers {
		elements = append(elements, nftables.SetElement{Key: addr.AsSlice()})
	}
	if err := nft.AddSet(set, elements); err != nil {
		return fmt.Errorf("host rules: %w", err)
	}
	addChain(nft, table, "postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource, nftables.ChainPolicyAccept,
		rule(sourceIn(set), notOifname(links), masquerade()))
	addChain(nft, table, "forward", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter, nftables.ChainPolicyAccept,
		rule(oifname(links), ctState(expr.CtStateBitNEW), drop()))
	if err := nft.Flush(); err != nil {
		return fmt.Errorf("host rules: %w", err)
	}
	return nil
}

// removeHostRules removes the instance's table, if there is one.
func removeHostRules(instance string) error {
	nft, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	table := nft.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: hostTable(instance)})
	nft.DelTable(table)
	if err := nft.Flush(); err != nil {
		return fmt.Errorf("remove nftables table %s: %w", table.Name, err)
	}
	return nil
}
