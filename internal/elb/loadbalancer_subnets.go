package elb

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// stand is where a load balancer is to stand: in a subnet, at an address of it.
type stand struct {
	subnet  Subnet
	address netip.Addr // zero: any
}

// stands are where a request wants a load balancer, and make the VPC its own.
func (s *Service) stands(scope store.Scope, b *loadBalancer, subnets []string, mappings []api.SubnetMapping) (all []stand, err error) {
	if len(subnets) > 0 && len(mappings) > 0 {
		return nil, invalid("You can specify subnets or subnet mappings, but not both")
	}
	for _, id := range subnets {
		mappings = append(mappings, api.SubnetMapping{SubnetId: id})
	}
	zones := map[string]bool{}
	for _, m := range mappings {
		subnet, ok := s.config.Network.Subnet(scope, m.SubnetId)
		if !ok {
			return nil, wire.Errorf(api.SubnetNotFoundException, "The subnet ID '%s' does not exist", m.SubnetId)
		}
		if len(all) > 0 && subnet.VPC != all[0].subnet.VPC {
			return nil, contradicts("All subnets must belong to the same VPC: '%s'", all[0].subnet.VPC)
		}
		if zones[subnet.Zone] {
			return nil, contradicts("A load balancer cannot be attached to multiple subnets in the same Availability Zone")
		}
		zones[subnet.Zone] = true
		address, err := b.fixedAddress(m, subnet)
		if err != nil {
			return nil, err
		}
		all = append(all, stand{subnet, address})
	}
	if least := b.leastSubnets(); len(all) < least {
		if least == 2 {
			return nil, invalid("At least two subnets in two different Availability Zones must be specified")
		}
		return nil, invalid("At least one subnet must be specified")
	}
	if b.VPC != "" && b.VPC != all[0].subnet.VPC {
		return nil, contradicts("All subnets must belong to the same VPC: '%s'", b.VPC)
	}
	b.VPC = all[0].subnet.VPC
	return all, nil
}

func (b *loadBalancer) leastSubnets() int {
	if b.network() {
		return 1
	}
	return 2
}

// fixedAddress is the address that an internal network load balancer asks for.
func (b *loadBalancer) fixedAddress(m api.SubnetMapping, subnet Subnet) (address netip.Addr, err error) {
	if m.PrivateIPv4Address == "" {
		return netip.Addr{}, nil
	}
	if !b.network() || b.Scheme != api.LoadBalancerSchemeEnumInternal {
		return netip.Addr{}, contradicts("You can specify private IPv4 addresses only for internal Network Load Balancers")
	}
	if address, err = netip.ParseAddr(m.PrivateIPv4Address); err != nil || !subnet.CIDR.Contains(address) {
		return netip.Addr{}, contradicts("The private IPv4 address '%s' is not within the range of the subnet '%s'", m.PrivateIPv4Address, m.SubnetId)
	}
	return address, nil
}

// standOn gives a load balancer a network interface in each subnet that it is to stand in, as part of the transaction, and takes those of others away.
func (s *Service) standOn(tx *store.Tx, scope store.Scope, b *loadBalancer, stands []stand) error {
	var addresses []balancer.Address
	var fixed []netip.Addr
	for _, to := range stands {
		if to.address.IsValid() {
			fixed = append(fixed, to.address)
		}
		had := slices.IndexFunc(b.Addresses, func(at balancer.Address) bool {
			return at.Subnet == to.subnet.ID && (!to.address.IsValid() || to.address == at.IP)
		})
		if had >= 0 {
			addresses = append(addresses, b.Addresses[had])
			if is := b.Addresses[had].IP; !to.address.IsValid() && slices.Contains(b.Fixed, is) {
				fixed = append(fixed, is)
			}
			continue
		}
		made, err := s.config.Network.CreateInterface(tx, scope, InterfaceSpec{
			Subnet: to.subnet.ID, Address: to.address, SecurityGroups: b.SecurityGroups, Description: "ELB " + b.ID,
			Public: b.Scheme == api.LoadBalancerSchemeEnumInternetFacing, Network: b.network(),
		})
		if errors.Is(err, ErrNoAddress) {
			return wire.Errorf(api.InvalidSubnetException, "Not enough IP space available in %s. ELB requires at least 8 free IP addresses in each subnet.", to.subnet.ID)
		}
		if err != nil {
			return err
		}
		addresses = append(addresses, made)
	}
	for _, at := range b.Addresses {
		if !slices.Contains(addresses, at) {
			if err := s.config.Network.DeleteInterface(tx, scope, at.Interface); err != nil {
				return err
			}
		}
	}
	b.Addresses, b.Fixed = addresses, fixed
	return nil
}

// SetSubnets has a load balancer stand in other subnets.
func (s *Service) SetSubnets(ctx context.Context, in *api.SetSubnetsInput) (*api.SetSubnetsOutput, error) {
	scope := scopeOf(ctx)
	b, err := s.balancers().modify(ctx, s, in.LoadBalancerArn, func(tx *store.Tx, b *loadBalancer) error {
		stands, err := s.stands(scope, b, in.Subnets, in.SubnetMappings)
		if err != nil {
			return err
		}
		return s.standOn(tx, scope, b, stands)
	})
	if err != nil {
		return nil, err
	}
	return &api.SetSubnetsOutput{AvailabilityZones: b.zones(), IpAddressType: api.IpAddressTypeIpv4}, nil
}
