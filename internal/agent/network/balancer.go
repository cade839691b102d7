package network

import (
	"fmt"
	"net/netip"
	"strings"
)

// BalancerNet is an address of a load balancer in one of its VPC's subnets.
type BalancerNet struct {
	VPC        string // "vpc-..."
	VPCCIDR    netip.Prefix
	SubnetCIDR netip.Prefix
	Gateway    netip.Addr // the subnet's router
	Address    netip.Addr // the load balancer's own
}

// Validate says what is wrong with it.
func (b BalancerNet) Validate() error {
	switch {
	case !namePattern.MatchString(b.VPC) || !strings.HasPrefix(b.VPC, vpcPrefix) || b.VPC == bridgeID:
		return fmt.Errorf("VPC id %q does not begin with vpc-", b.VPC)
	case !b.VPCCIDR.IsValid() || !b.VPCCIDR.Addr().Is4() || b.VPCCIDR != b.VPCCIDR.Masked():
		return fmt.Errorf("VPC range %q is not an IPv4 CIDR block", b.VPCCIDR)
	case !b.SubnetCIDR.IsValid() || b.SubnetCIDR != b.SubnetCIDR.Masked() || !b.VPCCIDR.Contains(b.SubnetCIDR.Addr()) || b.VPCCIDR.Bits() > b.SubnetCIDR.Bits():
		return fmt.Errorf("subnet %s lies outside the VPC's range %s", b.SubnetCIDR, b.VPCCIDR)
	case !b.SubnetCIDR.Contains(b.Gateway):
		return fmt.Errorf("gateway %s lies outside subnet %s", b.Gateway, b.SubnetCIDR)
	case !b.SubnetCIDR.Contains(b.Address) || b.Address == b.Gateway:
		return fmt.Errorf("address %s cannot be a load balancer's in subnet %s", b.Address, b.SubnetCIDR)
	}
	return nil
}

// Resolver is the VPC's DNS server: the base of its range plus two.
func (b BalancerNet) Resolver() netip.Addr { return b.VPCCIDR.Addr().Next().Next() }

// balancerAddress names an address of a load balancer. VPCs may overlap.
type balancerAddress struct {
	vpc  string
	addr netip.Addr
}

func (b BalancerNet) key() balancerAddress { return balancerAddress{b.VPC, b.Address} }

// place is what reserve needs to know of it, under a name that no task has.
func (b BalancerNet) place() TaskNet {
	return TaskNet{Task: "balancer " + b.Address.String(), VPC: b.VPC, VPCCIDR: b.VPCCIDR, SubnetCIDR: b.SubnetCIDR, Gateway: b.Gateway,
		Address: b.Address, Resolver: b.Resolver()}
}
