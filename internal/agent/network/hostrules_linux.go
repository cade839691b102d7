package network

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// hostTable is the name of an instance's nftables table on the host; hostRules tells what is in it.
func hostTable(instance string) string { return "berth-" + instance }

// linkPrefix begins the names of an instance's links on the host.
func linkPrefix(instance string) string { return "b" + instance + "-" }

// hostRules is the instance's table on the host:
//
//	set routers { type ipv4_addr }                             # the router end of each VPC's link
//	set balancers { type ipv4_addr }                           # the link addresses of load balancers
//	map published { type inet_proto . inet_service : ipv4_addr . inet_service }
//	postrouting: ip saddr @routers oifname != "b<instance>-*" masquerade
//	forward:     oifname "b<instance>-*" ct state new drop     # tasks are the host's to reach, not its neighbours'
//
// and, once there is a bridge:
//
//	raw:         iifname <link> ip daddr 127.0.0.0/8 drop      # the host's loopback addresses are its own
//	             iifname <link> ip saddr 127.0.0.0/8 drop
//	prerouting:  fib daddr type local dnat to meta l4proto . th dport map @published
//	output:      fib daddr type local dnat to meta l4proto . th dport map @published
//	postrouting: ip saddr <bridge> oifname != "b<instance>-*" masquerade
//	             oifname <link> ct status dnat ip saddr 127.0.0.0/8 masquerade
//	             oifname <link> ct status dnat ip saddr <bridge> masquerade   # by the host to itself or a neighbour
//	forward:     oifname <link> ct status dnat accept          # before the drop
//	             iifname <link> ip daddr @balancers accept     # containers reach load balancers
type hostRules struct {
	instance string

	mu        sync.Mutex // a Conn is one batch at a time
	nft       *nftables.Conn
	published *nftables.Set
	wanted    map[netip.Addr][]Published // what published is to hold: replace takes it from nobody else, who may know it later
}

// hostFacts are what the rules on the host are made of, beside the published ports.
type hostFacts struct {
	routers []netip.Addr
	link    string // of the bridge; empty without one
	bridge  netip.Prefix
	// balancers are the link addresses of load balancers.
	balancers []netip.Addr
}

func newHostRules(instance string) (*hostRules, error) {
	nft, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	return &hostRules{instance: instance, nft: nft, wanted: map[netip.Addr][]Published{}}, nil
}

func (h *hostRules) close() error { return h.nft.CloseLasting() }

var loopback = netip.MustParsePrefix("127.0.0.0/8")

// replace puts the instance's rules on the host in place at once.
func (h *hostRules) replace(s hostFacts) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	nft, links := h.nft, linkPrefix(h.instance)+"*"
	table := replaceTable(nft, hostTable(h.instance))
	routers := &nftables.Set{Table: table, Name: "routers", KeyType: nftables.TypeIPAddr}
	var elements []nftables.SetElement
	for _, addr := range s.routers {
		elements = append(elements, nftables.SetElement{Key: addr.AsSlice()})
	}
	h.published = &nftables.Set{Table: table, Name: "published", IsMap: true, Concatenation: true,
		KeyType:  nftables.MustConcatSetType(nftables.TypeInetProto, nftables.TypeInetService),
		DataType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService)}
	balancers := &nftables.Set{Table: table, Name: "balancers", KeyType: nftables.TypeIPAddr}
	var standing []nftables.SetElement
	for _, addr := range s.balancers {
		standing = append(standing, nftables.SetElement{Key: addr.AsSlice()})
	}
	if err := errors.Join(nft.AddSet(routers, elements), nft.AddSet(balancers, standing), nft.AddSet(h.published, nil)); err != nil {
		return fmt.Errorf("host rules: %w", err)
	}
	outward := [][]expr.Any{rule(sourceIn(routers), notOifname(links), masquerade())}
	inward := [][]expr.Any{rule(oifname(links), ctState(expr.CtStateBitNEW), drop())}
	if s.link != "" {
		outward = append(outward,
			rule(sourceWithin(s.bridge), notOifname(links), masquerade()),
			rule(oifname(s.link), translated(), sourceWithin(loopback), masquerade()),
			rule(oifname(s.link), translated(), sourceWithin(s.bridge), masquerade()))
		inward = append([][]expr.Any{rule(oifname(s.link), translated(), accept()), rule(iifname(s.link), destinationIn(balancers), accept())}, inward...)
		h.addTranslation(table, s.link)
	}
	addChain(nft, table, "postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource, nftables.ChainPolicyAccept, outward...)
	addChain(nft, table, "forward", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter, nftables.ChainPolicyAccept, inward...)
	for addr, published := range h.wanted {
		if err := h.change(nft.SetAddElements, addr, published); err != nil {
			return fmt.Errorf("host rules: %w", err)
		}
	}
	if err := nft.Flush(); err != nil {
		return fmt.Errorf("host rules (they need the kernel's nf_tables with nat, masq, ct and fib): %w", err)
	}
	return nil
}

// addTranslation adds the chains that lead published ports to containers.
func (h *hostRules) addTranslation(table *nftables.Table, link string) {
	addChain(h.nft, table, "raw", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw, nftables.ChainPolicyAccept,
		rule(iifname(link), destinationWithin(loopback), drop()),
		rule(iifname(link), sourceWithin(loopback), drop()))
	addChain(h.nft, table, "prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest, nftables.ChainPolicyAccept,
		rule(destinationIsLocal(), dnatByPort(h.published)))
	addChain(h.nft, table, "output", nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest, nftables.ChainPolicyAccept,
		rule(destinationIsLocal(), dnatByPort(h.published)))
}

// missing tells whether the table is gone: `nft flush ruleset`, as a firewall's restart does, takes everybody's.
func (h *hostRules) missing() (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	tables, err := h.nft.ListTablesOfFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return false, fmt.Errorf("list nftables tables: %w", err)
	}
	for _, t := range tables {
		if t.Name == hostTable(h.instance) {
			return false, nil
		}
	}
	return true, nil
}

// adopt has the next replace lead ports of the host to a container, as an earlier process had.
func (h *hostRules) adopt(addr netip.Addr, published []Published) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(published) > 0 {
		h.wanted[addr] = published
	}
}

// publish leads ports of the host to a container, until withdraw: also when it fails, once replace succeeds.
func (h *hostRules) publish(addr netip.Addr, published []Published) error {
	if len(published) == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wanted[addr] = published
	if err := h.change(h.nft.SetAddElements, addr, published); err != nil {
		return fmt.Errorf("publish ports: %w", err)
	}
	if err := h.nft.Flush(); err != nil {
		return fmt.Errorf("publish ports: %w", err)
	}
	return forgetUDP(published)
}

// withdraw undoes publish; it is no error that there is nothing to undo.
func (h *hostRules) withdraw(addr netip.Addr, published []Published) error {
	if len(published) == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.wanted, addr)
	if h.published == nil {
		return nil
	}
	if err := h.change(h.nft.SetDeleteElements, addr, published); err != nil {
		return fmt.Errorf("withdraw ports: %w", err)
	}
	if err := h.nft.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("withdraw ports: %w", err)
	}
	return forgetUDP(published)
}

// perMessage is how many elements are added by one message, whose list has room for 64 KiB.
const perMessage = 256

// change adds elements for published ports to the batch, or removes them.
func (h *hostRules) change(do func(*nftables.Set, []nftables.SetElement) error, addr netip.Addr, published []Published) error {
	var elements []nftables.SetElement
	for _, p := range published {
		for i := range p.Container.Count() {
			elements = append(elements, nftables.SetElement{
				Key: append(word(protocolNumber(p.Protocol)), port(p.Host.First+uint16(i))...),
				Val: append(addr.AsSlice(), port(p.Container.First+uint16(i))...),
			})
		}
	}
	for len(elements) > 0 {
		n := min(len(elements), perMessage)
		if err := do(h.published, elements[:n]); err != nil {
			return err
		}
		elements = elements[n:]
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
