package elb

import (
	"fmt"
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/wire"
)

// Register adds the service's operations to the server.
func (s *Service) Register(server *wire.Server) {
	svc := server.Service(&api.API)
	svc.InOwnWords(ownWords)
	s.registerBalancers(svc)
	s.registerGroups(svc)
	s.registerListeners(svc)
	s.registerRules(svc)
	wire.Handle(svc, api.AddTags, s.AddTags)
	wire.Handle(svc, api.RemoveTags, s.RemoveTags)
	wire.Handle(svc, api.DescribeTags, s.DescribeTags)
	wire.Handle(svc, api.DescribeAccountLimits, s.DescribeAccountLimits)
}

const whyNoElastic = "there are no Elastic IP addresses"

func (s *Service) registerBalancers(svc *wire.Service) {
	wire.Handle(svc, api.CreateLoadBalancer, s.CreateLoadBalancer,
		wire.Refuse("Type", "gateway load balancers are not there", "application", "network"),
		wire.Refuse("IpAddressType", whyNoIPv6, "ipv4"),
		wire.Refuse("EnablePrefixForIpv6SourceNat", whyNoIPv6, "off"),
		wire.Refuse("CustomerOwnedIpv4Pool", "there are no Outposts"),
		wire.Refuse("IpamPools.Ipv4IpamPoolId", "there are no pools of addresses"),
		wire.Refuse("SubnetMappings.AllocationId", whyNoElastic),
		wire.Refuse("SubnetMappings.IPv6Address", whyNoIPv6),
		wire.Refuse("SubnetMappings.SourceNatIpv6Prefix", whyNoIPv6),
		wire.Note("SecurityGroups", "shown, and not enforced"),
		wire.Note("Scheme", "people on the machine reach load balancers of both schemes"))
	wire.Handle(svc, api.DescribeLoadBalancers, s.DescribeLoadBalancers,
		wire.Note("", "DNSName ends with `.REGION.elb.localhost`; CanonicalHostedZoneId is no zone of Route 53, which is not there"))
	wire.Handle(svc, api.DeleteLoadBalancer, s.DeleteLoadBalancer)
	wire.Handle(svc, api.DescribeLoadBalancerAttributes, s.DescribeLoadBalancerAttributes)
	wire.Handle(svc, api.ModifyLoadBalancerAttributes, s.ModifyLoadBalancerAttributes,
		wire.RefuseWhere(func(in *api.ModifyLoadBalancerAttributesInput) []wire.Refusal {
			kind := s.refusable(applicationAttributes)
			if id := strings.SplitAfter(in.LoadBalancerArn, ":"+kindBalancer); strings.HasPrefix(id[len(id)-1], "net/") {
				kind = networkAttributes
			}
			return refused(in.Attributes, func(a api.LoadBalancerAttribute) (string, string) { return a.Key, a.Value }, kind)
		}), wire.Note("Attributes", only(applicationAttributes, networkAttributes)))
	wire.Handle(svc, api.SetSecurityGroups, s.SetSecurityGroups, wire.Note("SecurityGroups", "shown, and not enforced"))
	wire.Handle(svc, api.SetSubnets, s.SetSubnets,
		wire.Refuse("IpAddressType", whyNoIPv6, "ipv4"),
		wire.Refuse("EnablePrefixForIpv6SourceNat", whyNoIPv6, "off"),
		wire.Refuse("SubnetMappings.AllocationId", whyNoElastic),
		wire.Refuse("SubnetMappings.IPv6Address", whyNoIPv6),
		wire.Refuse("SubnetMappings.SourceNatIpv6Prefix", whyNoIPv6))
	wire.Handle(svc, api.SetIpAddressType, s.SetIpAddressType, wire.Refuse("IpAddressType", whyNoIPv6, "ipv4"))
	wire.Handle(svc, api.DescribeCapacityReservation, s.DescribeCapacityReservation, wire.Note("", "no capacity is reserved: none is missing"))
}

func (s *Service) registerGroups(svc *wire.Service) {
	wire.Handle(svc, api.CreateTargetGroup, s.CreateTargetGroup,
		wire.Refuse("TargetType", "targets are instances and addresses", "instance", "ip"),
		wire.Refuse("Protocol", whyNoProtocol, protocols...),
		wire.Refuse("IpAddressType", whyNoIPv6, "ipv4"),
		wire.Refuse("TargetControlPort", "targets are not asked how many requests they want"))
	wire.Handle(svc, api.DescribeTargetGroups, s.DescribeTargetGroups)
	wire.Handle(svc, api.ModifyTargetGroup, s.ModifyTargetGroup)
	wire.Handle(svc, api.DeleteTargetGroup, s.DeleteTargetGroup)
	wire.Handle(svc, api.DescribeTargetGroupAttributes, s.DescribeTargetGroupAttributes)
	wire.Handle(svc, api.ModifyTargetGroupAttributes, s.ModifyTargetGroupAttributes,
		wire.RefuseWhere(func(in *api.ModifyTargetGroupAttributesInput) []wire.Refusal {
			return refused(in.Attributes, func(a api.TargetGroupAttribute) (string, string) { return a.Key, a.Value },
				httpGroupAttributes, tcpGroupAttributes)
		}), wire.Note("Attributes", only(httpGroupAttributes, tcpGroupAttributes)),
		wire.Note("", "targets of a network load balancer see its address, whatever `preserve_client_ip.enabled` says, and learn the client's by "+
			"`proxy_protocol_v2.enabled`; with `source_ip` stickiness a new target takes its share of the clients over"))
	wire.Handle(svc, api.RegisterTargets, s.RegisterTargets, wire.Refuse("Targets.QuicServerId", whyNoProtocol))
	wire.Handle(svc, api.DeregisterTargets, s.DeregisterTargets)
	wire.Handle(svc, api.DescribeTargetHealth, s.DescribeTargetHealth, wire.Refuse("Include", whyNoAnomaly),
		wire.Note("", "where AWS takes a zone without healthy targets out of the load balancer's name, its node there takes those of other zones"))
}

const (
	whyNoProtocol = "neither QUIC nor GENEVE is spoken"
	whyNoActions  = "users are not authenticated, and tokens not validated"
	whyNoTrust    = "there are no trust stores, whose certificates AWS reads from S3"
)

var (
	protocols = []string{"HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP"}
	actions   = []string{string(api.ActionTypeEnumForward), string(api.ActionTypeEnumRedirect), string(api.ActionTypeEnumFixedResponse)}
)

func (s *Service) registerListeners(svc *wire.Service) {
	wire.Handle(svc, api.CreateListener, s.CreateListener,
		wire.Refuse("Protocol", whyNoProtocol, protocols...),
		wire.Refuse("DefaultActions.Type", whyNoActions, actions...),
		wire.Refuse("MutualAuthentication.Mode", whyNoTrust, mutualOff, mutualPassthrough),
		wire.RefuseWhere(func(in *api.CreateListenerInput) []wire.Refusal { return refusedPolicy(in.SslPolicy) }))
	wire.Handle(svc, api.ModifyListener, s.ModifyListener,
		wire.Refuse("Protocol", whyNoProtocol, protocols...),
		wire.Refuse("DefaultActions.Type", whyNoActions, actions...),
		wire.Refuse("MutualAuthentication.Mode", whyNoTrust, mutualOff, mutualPassthrough),
		wire.RefuseWhere(func(in *api.ModifyListenerInput) []wire.Refusal { return refusedPolicy(in.SslPolicy) }))
	wire.Handle(svc, api.DescribeListeners, s.DescribeListeners)
	wire.Handle(svc, api.DeleteListener, s.DeleteListener)
	wire.Handle(svc, api.DescribeListenerAttributes, s.DescribeListenerAttributes)
	wire.Handle(svc, api.ModifyListenerAttributes, s.ModifyListenerAttributes,
		wire.RefuseWhere(func(in *api.ModifyListenerAttributesInput) []wire.Refusal {
			return refused(in.Attributes, func(a api.ListenerAttribute) (string, string) { return a.Key, a.Value }, httpsListenerAttributes)
		}), wire.Note("Attributes", only(httpsListenerAttributes)))
	wire.Handle(svc, api.AddListenerCertificates, s.AddListenerCertificates)
	wire.Handle(svc, api.RemoveListenerCertificates, s.RemoveListenerCertificates)
	wire.Handle(svc, api.DescribeListenerCertificates, s.DescribeListenerCertificates)
	wire.Handle(svc, api.DescribeSSLPolicies, s.DescribeSSLPolicies, wire.Note("", "of the ciphers those that Go's TLS has"))
}

func (s *Service) registerRules(svc *wire.Service) {
	wire.Handle(svc, api.CreateRule, s.CreateRule, append(refusedConditions, wire.Refuse("Transforms", whyNoRegex))...)
	wire.Handle(svc, api.ModifyRule, s.ModifyRule, append(refusedConditions, wire.Refuse("Transforms", whyNoRegex), wire.Refuse("ResetTransforms", whyNoRegex))...)
	wire.Handle(svc, api.DescribeRules, s.DescribeRules)
	wire.Handle(svc, api.DeleteRule, s.DeleteRule)
	wire.Handle(svc, api.SetRulePriorities, s.SetRulePriorities)
}

const whyNoRegex = "requests are neither matched by regular expressions nor rewritten"

var refusedConditions = []wire.Option{
	wire.Refuse("Actions.Type", whyNoActions, actions...),
	wire.Refuse("Conditions.RegexValues", whyNoRegex),
	wire.Refuse("Conditions.HostHeaderConfig.RegexValues", whyNoRegex),
	wire.Refuse("Conditions.PathPatternConfig.RegexValues", whyNoRegex),
	wire.Refuse("Conditions.HttpHeaderConfig.RegexValues", whyNoRegex),
}

// refusedPolicy refuses AWS's security policies that Berth has not.
func refusedPolicy(name string) []wire.Refusal {
	if !strings.Contains(name, "FIPS") {
		return nil
	}
	return []wire.Refusal{{Where: "SslPolicy", Why: "cryptography is not validated by FIPS 140"}}
}

// refused are the attributes of a request that ask for what is not done, going by the kinds of things that may have them.
func refused[A any](asked []A, pairOf func(A) (key, value string), kinds ...attributes) (found []wire.Refusal) {
	for i, a := range asked {
		key, value := pairOf(a)
		for _, kind := range kinds {
			is, ok := kind.find(key)
			if ok && is.only != nil && !slices.Contains(is.only, value) && is.check("", value) == nil {
				found = append(found, wire.Refusal{Where: fmt.Sprintf("Attributes[%d].Value", i), Why: is.key + ": " + is.why})
				break
			}
		}
	}
	return found
}

// refusable are the attributes of application load balancers as this server does them. Network load balancers keep no access logs.
func (s *Service) refusable(all attributes) attributes {
	if !s.config.AccessLogs {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(a attribute) bool { return a.key == accessLogs })
}

// only says of which attributes only some values are done.
func only(kinds ...attributes) string {
	var reasons []string
	about := map[string][]string{}
	for _, kind := range kinds {
		for _, a := range kind {
			name := fmt.Sprintf("`%s`", a.key)
			if a.only == nil || slices.Contains(about[a.why], name) {
				continue
			}
			if about[a.why] == nil {
				reasons = append(reasons, a.why)
			}
			about[a.why] = append(about[a.why], name)
		}
	}
	for i, why := range reasons {
		reasons[i] = strings.Join(about[why], ", ") + " (" + why + ")"
	}
	return "of these only AWS's default is done, and the rest refused: " + strings.Join(reasons, "; ")
}
