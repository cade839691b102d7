package vpc

import (
	"context"
	"strconv"

	api "github.com/berth-dev/berth/api/ec2"
)

func (s *Service) vpcKind(owner string) kind[vpcRow] {
	isDefault := one(func(v *vpcRow) string { return strconv.FormatBool(v.Default) })
	cidr := one(func(v *vpcRow) string { return v.CIDR.String() })
	return kind[vpcRow]{
		operation: "DescribeVpcs", table: s.tables.vpcs, id: func(v *vpcRow) string { return v.ID },
		idPrefix: "vpc-", ids: "VpcIds", malformed: "InvalidVpcID.Malformed", notFound: "InvalidVpcID.NotFound",
		missing: "The vpc ID '%s' does not exist",
		fields: fields[vpcRow]{
			"cidr":                                        cidr,
			"cidr-block":                                  cidr,
			"cidr-block-association.association-id":       one(func(v *vpcRow) string { return v.Association }),
			"cidr-block-association.cidr-block":           cidr,
			"cidr-block-association.state":                constant[vpcRow]("associated"),
			"dhcp-options-id":                             one(func(v *vpcRow) string { return v.DHCPOptions }),
			"dhcpOptionsId":                               one(func(v *vpcRow) string { return v.DHCPOptions }),
			"ipv6-cidr-block-association.association-id":  none[vpcRow],
			"ipv6-cidr-block-association.ipv6-cidr-block": none[vpcRow],
			"ipv6-cidr-block-association.ipv6-pool":       none[vpcRow],
			"ipv6-cidr-block-association.state":           none[vpcRow],
			"is-default":                                  isDefault,
			"isDefault":                                   isDefault,
			"owner-id":                                    constant[vpcRow](owner),
			"state":                                       constant[vpcRow](string(api.VpcStateAvailable)),
			"vpc-id":                                      one(func(v *vpcRow) string { return v.ID }),
		},
	}
}

// DescribeVpcs lists VPCs.
func (s *Service) DescribeVpcs(ctx context.Context, in *api.DescribeVpcsRequest) (*api.DescribeVpcsResult, error) {
	owner := scopeOf(ctx).Account
	vpcs, next, err := s.vpcKind(owner).list(s, ctx, listing{in.VpcIds, in.Filters, in.MaxResults, in.NextToken, in.DryRun})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcsResult{NextToken: next, Vpcs: []api.Vpc{}}
	for _, v := range vpcs {
		out.Vpcs = append(out.Vpcs, api.Vpc{
			VpcId: v.ID, OwnerId: owner, CidrBlock: v.CIDR.String(), IsDefault: ptr(v.Default), State: api.VpcStateAvailable,
			InstanceTenancy: api.TenancyDefault, DhcpOptionsId: v.DHCPOptions,
			CidrBlockAssociationSet: []api.VpcCidrBlockAssociation{{AssociationId: v.Association, CidrBlock: v.CIDR.String(),
				CidrBlockState: &api.VpcCidrBlockState{State: api.VpcCidrBlockStateCodeAssociated}}},
		})
	}
	return out, nil
}
