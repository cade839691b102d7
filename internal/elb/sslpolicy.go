package elb

import (
	"context"
	"slices"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/wire"
)

// DescribeSSLPolicies lists the security policies that listeners can have: all, or by name.
func (s *Service) DescribeSSLPolicies(_ context.Context, in *api.DescribeSSLPoliciesInput) (*api.DescribeSSLPoliciesOutput, error) {
	policies := slices.Clone(balancer.Policies)
	if len(in.Names) > 0 {
		policies = nil
		for _, name := range in.Names {
			p, ok := balancer.PolicyOf(name)
			if !ok {
				return nil, wire.Errorf(api.SSLPolicyNotFoundException, "SSL policy '%s' not found", name)
			}
			policies = append(policies, p)
		}
	}
	policies, next, err := page(policies, func(p balancer.Policy) string { return p.Name }, in.Marker, in.PageSize, "DescribeSSLPolicies")
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSSLPoliciesOutput{SslPolicies: []api.SslPolicy{}, NextMarker: next}
	for _, p := range policies {
		described := api.SslPolicy{Name: p.Name, SslProtocols: p.Versions, SupportedLoadBalancerTypes: []string{"application", "network"}}
		for i, c := range p.Ciphers {
			described.Ciphers = append(described.Ciphers, api.Cipher{Name: c.Name, Priority: ptr(int32(i + 1))})
		}
		out.SslPolicies = append(out.SslPolicies, described)
	}
	return out, nil
}
