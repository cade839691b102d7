package network

import (
	"errors"
	"fmt"
	"net/netip"
)

// router returns the VPC's router, which the VPC's first task makes.
func (n *Network) router(t TaskNet) (*router, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r, ok := n.routers[t.VPC]; ok {
		return r, nil
	}
	return n.makeRouter(vpcRecord{VPC: t.VPC, CIDR: t.VPCCIDR, Resolver: t.Resolver, Subnets: []subnet{{t.SubnetCIDR, t.Gateway}}})
}

// makeRouter makes a router with the first free link name and a free link range. It is called with mu held.
func (n *Network) makeRouter(record vpcRecord) (*router, error) {
	names := map[string]bool{}
	for _, r := range n.routers {
		names[r.record.Link] = true
	}
	for i := 1; record.Link == "" || names[record.Link]; i++ {
		record.Link = fmt.Sprintf("%s%d", linkPrefix(n.cfg.Instance), i)
	}
	use, err := rangesInUse(n.host, record.Link)
	if err != nil {
		return nil, err
	}
	if record.Range, err = n.freeRange(record, use); err != nil {
		return nil, err
	}
	if record.VPC == bridgeID {
		record = bridgeRecord(record)
	}
	if err := n.saveVPC(record); err != nil {
		return nil, err
	}
	if err := n.openVPC(record, nil); err != nil {
		return nil, errors.Join(err, n.forgetVPC(record))
	}
	return n.routers[record.VPC], nil
}

// forgetVPC removes what there is of a VPC that could not be opened: its link's name and range are free for another.
func (n *Network) forgetVPC(record vpcRecord) error {
	return errors.Join(removeLinks(n.host, record.Link), dropNamespace(n.namespace(record.VPC)), n.records.remove(record.VPC))
}

// openVPC opens the VPC's router, its resolver and its way through the host.
func (n *Network) openVPC(record vpcRecord, tasks []taskRecord) error {
	r, err := openRouter(n.namespace(record.VPC), record, n.host, tasks)
	if err != nil {
		return err
	}
	if err := r.openResolver(n.upstreams, n.cfg.Log, tasks); err != nil {
		return errors.Join(err, r.close())
	}
	if record.isBridge() {
		for b, links := range n.names {
			r.dns.name(b.name, links)
		}
	}
	n.routers[record.VPC] = r
	err = n.rules.replace(n.hostFacts())
	if err == nil && record.isBridge() {
		err = n.openBridge(r)
	}
	if err != nil {
		delete(n.routers, record.VPC)
		return errors.Join(err, r.close())
	}
	if len(n.routers) == 1 {
		n.guard()
	}
	return nil
}

// hostFacts are what the rules on the host are to be made of. It is called with mu held.
func (n *Network) hostFacts() hostFacts {
	var s hostFacts
	for _, r := range n.routers {
		s.routers = append(s.routers, r.links.router())
		if r.record.isBridge() {
			s.link, s.bridge = r.record.Link, r.record.Subnets[0].CIDR
		}
	}
	for _, b := range n.balancers {
		s.balancers = append(s.balancers, b.link)
	}
	return s
}

// freeRange chooses a VPC's link range.
func (n *Network) freeRange(record vpcRecord, use []taken) (netip.Prefix, error) {
	avoid := []netip.Prefix{record.CIDR}
	if record.Resolver.IsValid() {
		avoid = append(avoid, netip.PrefixFrom(record.Resolver, 32))
	}
	for _, s := range record.Subnets {
		avoid = append(avoid, s.CIDR)
	}
	return chooseLinkRange(n.cfg.Instance+record.VPC, use, avoid...)
}

func (n *Network) saveVPC(record vpcRecord) error { return n.records.write(record.VPC, record) }
