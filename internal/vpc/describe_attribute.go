package vpc

import (
	"context"

	api "github.com/berth-dev/berth/api/ec2"
)

// DescribeVpcAttribute tells one attribute of a VPC: its tasks are given names (private DNS names) and a resolver, and use of
// addresses is not measured.
func (s *Service) DescribeVpcAttribute(ctx context.Context, in *api.DescribeVpcAttributeRequest) (*api.DescribeVpcAttributeResult, error) {
	if _, _, err := s.vpcKind(scopeOf(ctx).Account).list(s, ctx, listing{ids: []string{in.VpcId}, dryRun: in.DryRun}); err != nil {
		return nil, err
	}
	out := &api.DescribeVpcAttributeResult{VpcId: in.VpcId}
	switch in.Attribute {
	case api.VpcAttributeNameEnableDnsSupport:
		out.EnableDnsSupport = &api.AttributeBooleanValue{Value: ptr(true)}
	case api.VpcAttributeNameEnableDnsHostnames:
		out.EnableDnsHostnames = &api.AttributeBooleanValue{Value: ptr(true)}
	default: // the model has three
		out.EnableNetworkAddressUsageMetrics = &api.AttributeBooleanValue{Value: ptr(false)}
	}
	return out, nil
}
