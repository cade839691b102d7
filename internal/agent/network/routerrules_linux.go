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

// routerRules is the nftables table of a router namespace:
//
//	map tasks { type ipv4_addr : ipv4_addr }                 # task by link address
//	prerouting:  dnat to ip daddr map @tasks
//	postrouting: ct status dnat masquerade                   # came by a link address: the answer must come back here
//	             oifname "link" masquerade                   # leaves the VPC
//	forward:     policy drop
//	             ct state established,related accept
//	             iifname "s-*" accept                        # security group "default": all within the group, all egress
//	             ct status dnat accept                       # the host, to a task
//	             reject
//	output:      ip saddr <resolver> icmp type destination-unreachable drop
//
// All tasks of a VPC are in its default security group. The rules of other groups belong on a task's leg: a chain of the
// bridge family for the leg e-<address>, filled from what TaskNet says of the task's groups.
type routerRules struct {
	mu    sync.Mutex // a Conn is one batch at a time
	nft   *nftables.Conn
	tasks *nftables.Set
}

// newRouterRules must be called inside the router namespace.
func newRouterRules() (*routerRules, error) {
	nft, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	return &routerRules{nft: nft}, nil
}

// replace puts all rules in place at once, with the link addresses of the tasks that there are.
func (r *routerRules) replace(resolver netip.Addr, tasks map[netip.Addr]netip.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	nft, table := r.nft, replaceTable(r.nft, "berth")
	r.tasks = &nftables.Set{Table: table, Name: "tasks", IsMap: true, KeyType: nftables.TypeIPAddr, DataType: nftables.TypeIPAddr}
	if err := nft.AddSet(r.tasks, nil); err != nil {
		return fmt.Errorf("router rules: %w", err)
	}
	addChain(nft, table, "prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest, nftables.ChainPolicyAccept,
		dnatBy(r.tasks))
	addChain(nft, table, "postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource, nftables.ChainPolicyAccept,
		rule(translated(), masquerade()),
		rule(oifname(routerLink), masquerade()))
	addChain(nft, table, "forward", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter, nftables.ChainPolicyDrop,
		rule(ctState(expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED), accept()),
		rule(iifname(bridgePrefix+"*"), accept()),
		rule(translated(), accept()),
		reject())
	// While no agent lives nothing listens at the resolver's address. To be told so makes resolver libraries give up; to
	// hear nothing makes them ask again.
	addChain(nft, table, "output", nftables.ChainTypeFilter, nftables.ChainHookOutput, nftables.ChainPriorityFilter, nftables.ChainPolicyAccept,
		rule(sourceIs(resolver), unreachable(), drop()))
	for link, task := range tasks {
		if err := nft.SetAddElements(r.tasks, element(link, task)); err != nil {
			return fmt.Errorf("router rules: %w", err)
		}
	}
	if err := nft.Flush(); err != nil {
		return fmt.Errorf("router rules (they need the kernel's nf_tables with nat, masq, ct and reject): %w", err)
	}
	return nil
}

// add makes a task reachable by its link address.
func (r *routerRules) add(link, task netip.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.nft.SetAddElements(r.tasks, element(link, task)); err != nil {
		return err
	}
	if err := r.nft.Flush(); err != nil {
		return fmt.Errorf("map link address %s to task address %s: %w", link, task, err)
	}
	return nil
}

// remove undoes add; it is no error that there is nothing to undo.
func (r *routerRules) remove(link, task netip.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.nft.SetDeleteElements(r.tasks, element(link, task)); err != nil {
		return err
	}
	if err := r.nft.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove link address %s: %w", link, err)
	}
	return nil
}

func (r *routerRules) close() error { return r.nft.CloseLasting() }

func element(link, task netip.Addr) []nftables.SetElement {
	return []nftables.SetElement{{Key: link.AsSlice(), Val: task.AsSlice()}}
}
