package elb

import (
	"context"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// checkSecurityGroups refuses security groups that are not there or are another VPC's. An application load balancer without any
// gets the VPC's own.
func (s *Service) checkSecurityGroups(scope store.Scope, b *loadBalancer) error {
	for _, id := range b.SecurityGroups {
		vpc, ok := s.config.Network.SecurityGroup(scope, id)
		if !ok {
			return wire.Errorf(api.InvalidSecurityGroupException, "One or more security groups are invalid")
		}
		if vpc != b.VPC {
			return contradicts("One or more security groups are not in the same VPC as the load balancer: '%s'", id)
		}
	}
	if len(b.SecurityGroups) == 0 && !b.network() {
		b.SecurityGroups = []string{s.config.Network.DefaultSecurityGroup(scope, b.VPC)}
	}
	return nil
}

// SetSecurityGroups gives a load balancer other security groups.
func (s *Service) SetSecurityGroups(ctx context.Context, in *api.SetSecurityGroupsInput) (*api.SetSecurityGroupsOutput, error) {
	scope := scopeOf(ctx)
	b, err := s.balancers().modify(ctx, s, in.LoadBalancerArn, func(tx *store.Tx, b *loadBalancer) error {
		if b.network() && len(b.SecurityGroups) == 0 {
			return contradicts("You cannot set security groups for a Network Load Balancer that was created without security groups")
		}
		if len(in.SecurityGroups) == 0 {
			return invalid("At least one security group must be specified")
		}
		if b.SecurityGroups = in.SecurityGroups; in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic != "" {
			b.Inbound = string(in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic)
		}
		if err := s.checkSecurityGroups(scope, b); err != nil {
			return err
		}
		for _, at := range b.Addresses {
			if err := s.config.Network.SetSecurityGroups(tx, scope, at.Interface, b.SecurityGroups); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.SetSecurityGroupsOutput{
		SecurityGroupIds: b.SecurityGroups, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: api.EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum(b.inbound()),
	}, nil
}

// inbound is whether security groups are enforced on traffic of PrivateLink, as network load balancers with security groups tell.
func (b *loadBalancer) inbound() string {
	if !b.network() || len(b.SecurityGroups) == 0 {
		return ""
	}
	if b.Inbound == "" {
		return "on"
	}
	return b.Inbound
}

// SetIpAddressType says which addresses a load balancer has: IPv4 (others are refused).
func (s *Service) SetIpAddressType(ctx context.Context, in *api.SetIpAddressTypeInput) (*api.SetIpAddressTypeOutput, error) {
	if _, err := s.balancers().get(scopeOf(ctx), in.LoadBalancerArn); err != nil {
		return nil, err
	}
	return &api.SetIpAddressTypeOutput{IpAddressType: in.IpAddressType}, nil
}
