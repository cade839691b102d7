package vpc

import (
	"context"
	"fmt"
	"strconv"

	api "github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/internal/store"
)

func (s *Service) subnetKind(scope store.Scope) kind[subnetRow] {
	free := one(func(n *subnetRow) string { return strconv.Itoa(s.freeAddresses(scope, n)) })
	zone := one(func(n *subnetRow) string { return n.Zone })
	zoneID := one(func(n *subnetRow) string { return n.ZoneID })
	cidr := one(func(n *subnetRow) string { return n.CIDR.String() })
	isDefault := one(func(n *subnetRow) string { return strconv.FormatBool(n.Default) })
	return kind[subnetRow]{
		operation: "DescribeSubnets", table: s.tables.subnets, id: func(n *subnetRow) string { return n.ID },
		idPrefix: "subnet-", ids: "SubnetIds", malformed: "InvalidSubnetID.Malformed", notFound: "InvalidSubnetID.NotFound",
		missing: "The subnet ID '%s' does not exist",
		fields: fields[subnetRow]{
			"availability-zone":          zone,
			"availabilityZone":           zone,
			"availability-zone-id":       zoneID,
			"availabilityZoneId":         zoneID,
			"available-ip-address-count": free,
			"cidr":                       cidr,
			"cidr-block":                 cidr,
			"cidrBlock":                  cidr,
			"default-for-az":             isDefault,
			"defaultForAz":               isDefault,
			"ipv6-cidr-block-association.association-id":  none[subnetRow],
			"ipv6-cidr-block-association.ipv6-cidr-block": none[subnetRow],
			"ipv6-cidr-block-association.state":           none[subnetRow],
			"ipv6-native":                                 constant[subnetRow]("false"),
			"map-public-ip-on-launch":                     one(func(n *subnetRow) string { return strconv.FormatBool(n.MapPublic) }),
			"outpost-arn":                                 none[subnetRow],
			"owner-id":                                    constant[subnetRow](scope.Account),
			"state":                                       constant[subnetRow](string(api.SubnetStateAvailable)),
			"subnet-arn":                                  one(func(n *subnetRow) string { return subnetARN(scope, n) }),
			"subnet-id":                                   one(func(n *subnetRow) string { return n.ID }),
			"vpc-id":                                      one(func(n *subnetRow) string { return n.VPC }),
		},
	}
}

func (s *Service) freeAddresses(scope store.Scope, subnet *subnetRow) int {
	return subnet.capacity() - s.tables.interfaces.Count(scope, bySubnet, subnet.ID)
}

func subnetARN(scope store.Scope, subnet *subnetRow) string {
	return fmt.Sprintf("arn:aws:ec2:%s:%s:subnet/%s", scope.Region, scope.Account, subnet.ID)
}

// DescribeSubnets lists subnets.
func (s *Service) DescribeSubnets(ctx context.Context, in *api.DescribeSubnetsRequest) (*api.DescribeSubnetsResult, error) {
	scope := scopeOf(ctx)
	subnets, next, err := s.subnetKind(scope).list(s, ctx, listing{in.SubnetIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSubnetsResult{NextToken: next, Subnets: []api.Subnet{}}
	for _, n := range subnets {
		out.Subnets = append(out.Subnets, api.Subnet{
			SubnetId: n.ID, SubnetArn: subnetARN(scope, n), VpcId: n.VPC, OwnerId: scope.Account, CidrBlock: n.CIDR.String(),
			AvailabilityZone: n.Zone, AvailabilityZoneId: n.ZoneID, State: api.SubnetStateAvailable,
			AvailableIpAddressCount: ptr(int32(s.freeAddresses(scope, n))), DefaultForAz: ptr(n.Default), MapPublicIpOnLaunch: ptr(n.MapPublic),
			AssignIpv6AddressOnCreation: ptr(false), Ipv6CidrBlockAssociationSet: []api.SubnetIpv6CidrBlockAssociation{},
			MapCustomerOwnedIpOnLaunch: ptr(false), EnableDns64: ptr(false), Ipv6Native: ptr(false),
			PrivateDnsNameOptionsOnLaunch: &api.PrivateDnsNameOptionsOnLaunch{HostnameType: api.HostnameTypeIpName,
				EnableResourceNameDnsARecord: ptr(false), EnableResourceNameDnsAAAARecord: ptr(false)},
		})
	}
	return out, nil
}
