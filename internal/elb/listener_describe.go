package elb

import (
	"context"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
)

// DescribeListeners lists listeners: those of a load balancer, or by their ARNs.
func (s *Service) DescribeListeners(ctx context.Context, in *api.DescribeListenersInput) (*api.DescribeListenersOutput, error) {
	scope := scopeOf(ctx)
	found, next, err := s.findListeners(scope, in)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeListenersOutput{Listeners: []api.Listener{}, NextMarker: next}
	for _, l := range found {
		out.Listeners = append(out.Listeners, s.describeListener(scope, l))
	}
	return out, nil
}

func (s *Service) findListeners(scope store.Scope, in *api.DescribeListenersInput) (found []*listener, next string, err error) {
	switch {
	case in.LoadBalancerArn != "" && len(in.ListenerArns) > 0:
		return nil, "", invalid("You cannot specify both listener ARNs and a load balancer ARN")
	case len(in.ListenerArns) > 0:
		found, err = s.listeners().byARN(scope, in.ListenerArns)
		return found, "", err
	case in.LoadBalancerArn == "":
		return nil, "", invalid("You must specify either listener ARNs or a load balancer ARN")
	}
	b, err := s.balancers().get(scope, in.LoadBalancerArn)
	if err != nil {
		return nil, "", err
	}
	for row := range s.tables.listeners.Find(scope, byBalancer, b.ID) {
		found = append(found, row.Value)
	}
	return page(found, func(l *listener) string { return l.ID }, in.Marker, in.PageSize, "DescribeListeners", in.LoadBalancerArn)
}

func (s *Service) describeListener(scope store.Scope, l *listener) api.Listener {
	described := api.Listener{
		ListenerArn: arnOf(scope, kindListener, l.ID), LoadBalancerArn: arnOf(scope, kindBalancer, l.Balancer),
		Port: ptr(int32(l.Port)), Protocol: l.Protocol, SslPolicy: l.Policy, DefaultActions: []api.Action{},
	}
	if len(l.Certificates) > 0 {
		described.Certificates = []api.Certificate{{CertificateArn: l.Certificates[0]}}
	}
	if l.ALPN != "" {
		described.AlpnPolicy = []string{l.ALPN}
	}
	if l.Protocol == api.ProtocolEnumHttps {
		described.MutualAuthentication = &api.MutualAuthenticationAttributes{Mode: mutualOff}
		if l.Mutual != "" {
			described.MutualAuthentication.Mode = l.Mutual
		}
	}
	for _, r := range s.rulesOf(scope, l.ID) {
		if r.Priority == 0 {
			described.DefaultActions = r.Actions
		}
	}
	return described
}
