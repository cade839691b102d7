package elb

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/store"
)

func TestListenersThatCannotBe(t *testing.T) {
	f := newFixture(t)
	lb, other, nlb := f.application("web"), f.application("other"), f.networked("net")
	http, tcp, taken := f.targets("http", types.ProtocolEnumHttp), f.targets("tcp", types.ProtocolEnumTcp), f.targets("taken", types.ProtocolEnumHttp)
	f.listen(other, taken, 80)
	f.listen(lb, http, 81)
	grpc, err := f.CreateTargetGroup(t.Context(), &sdk.CreateTargetGroupInput{Name: aws.String("grpc"), Protocol: types.ProtocolEnumHttp, ProtocolVersion: aws.String("GRPC"),
		Port: aws.Int32(80), VpcId: aws.String(vpc), TargetType: types.TargetTypeEnumIp})
	f.must(err)
	far, err := f.CreateTargetGroup(t.Context(), &sdk.CreateTargetGroupInput{Name: aws.String("far"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80),
		VpcId: aws.String(otherVPC), TargetType: types.TargetTypeEnumIp})
	f.must(err)
	missing := "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/x/0123456789abcdef"
	cert := []types.Certificate{{CertificateArn: aws.String(certificate1)}}
	redirect := func(to types.RedirectActionConfig) []types.Action {
		to.StatusCode = types.RedirectActionStatusCodeEnumHttp301
		return []types.Action{{Type: types.ActionTypeEnumRedirect, RedirectConfig: &to}}
	}
	weighted := func(groups ...types.TargetGroupTuple) []types.Action {
		return []types.Action{{Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{TargetGroups: groups}}}
	}
	tests := []struct {
		name          string
		change        func(*sdk.CreateListenerInput)
		code, message string
	}{
		{"a port that is taken", func(in *sdk.CreateListenerInput) { in.Port = aws.Int32(81) }, "DuplicateListener",
			"A listener already exists on this port for this load balancer '" + lb + "'"},
		{"no port", func(in *sdk.CreateListenerInput) { in.Port = nil }, "ValidationError", "A port must be specified"},
		{"no protocol", func(in *sdk.CreateListenerInput) { in.Protocol = "" }, "ValidationError", "A protocol must be specified"},
		{"TCP of an application load balancer", func(in *sdk.CreateListenerInput) { in.Protocol = types.ProtocolEnumTcp }, "ValidationError",
			"Listener protocol 'TCP' must be one of 'HTTPS, HTTP'"},
		{"HTTP of a network load balancer", func(in *sdk.CreateListenerInput) { in.LoadBalancerArn = &nlb }, "ValidationError",
			"Listener protocol 'HTTP' must be one of 'TCP, TCP_UDP, TLS, UDP'"},
		{"a load balancer that is not there", func(in *sdk.CreateListenerInput) {
			in.LoadBalancerArn = aws.String(strings.Replace(lb, "/web/", "/x/", 1))
		}, "LoadBalancerNotFound",
			"Load balancer '" + strings.Replace(lb, "/web/", "/x/", 1) + "' not found"},
		{"HTTPS without a certificate", func(in *sdk.CreateListenerInput) { in.Protocol = types.ProtocolEnumHttps }, "ValidationError",
			"A certificate must be specified for HTTPS listeners"},
		{"HTTP with a certificate", func(in *sdk.CreateListenerInput) { in.Certificates = cert }, "ValidationError", "A certificate cannot be specified for HTTP listeners"},
		{"HTTP with a policy", func(in *sdk.CreateListenerInput) { in.SslPolicy = aws.String("ELBSecurityPolicy-2016-08") }, "ValidationError",
			"An SSL policy cannot be specified for HTTP listeners"},
		{"a certificate that is not there", func(in *sdk.CreateListenerInput) {
			in.Protocol, in.Certificates = types.ProtocolEnumHttps, []types.Certificate{{CertificateArn: aws.String("arn:x")}}
		}, "CertificateNotFound", "Certificate 'arn:x' not found"},
		{"a policy that is not there", func(in *sdk.CreateListenerInput) {
			in.Protocol, in.Certificates, in.SslPolicy = types.ProtocolEnumHttps, cert, aws.String("ELBSecurityPolicy-2015-05")
		}, "SSLPolicyNotFound", "SSL policy 'ELBSecurityPolicy-2015-05' not found"},
		{"a policy of FIPS", func(in *sdk.CreateListenerInput) {
			in.Protocol, in.Certificates, in.SslPolicy = types.ProtocolEnumHttps, cert, aws.String("ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04")
		}, "ValidationError", "The parameter SslPolicy of CreateListener is not supported by Berth yet: cryptography is not validated by FIPS 140. See docs/compatibility.md."},
		{"no group", func(in *sdk.CreateListenerInput) {
			in.DefaultActions = []types.Action{{Type: types.ActionTypeEnumForward}}
		}, "InvalidLoadBalancerAction",
			"A target group ARN must be specified for actions of type 'forward'"},
		{"a group that is not there", func(in *sdk.CreateListenerInput) { in.DefaultActions = forward(missing) }, "TargetGroupNotFound", "Target group '" + missing + "' not found"},
		{"a group of TCP", func(in *sdk.CreateListenerInput) { in.DefaultActions = forward(tcp) }, "IncompatibleProtocols",
			"Listener protocol 'HTTP' is not supported with a target group with the protocol 'TCP'"},
		{"gRPC by HTTP", func(in *sdk.CreateListenerInput) { in.DefaultActions = forward(*grpc.TargetGroups[0].TargetGroupArn) }, "InvalidConfigurationRequest",
			"Listener protocol 'HTTP' is not supported with a target group with the protocol-version 'GRPC'"},
		{"a group of another VPC", func(in *sdk.CreateListenerInput) { in.DefaultActions = forward(*far.TargetGroups[0].TargetGroupArn) }, "InvalidConfigurationRequest",
			"The following target groups are not in the same VPC as the load balancer: '" + *far.TargetGroups[0].TargetGroupArn + "'"},
		{"a group of another load balancer", func(in *sdk.CreateListenerInput) { in.DefaultActions = forward(taken) }, "TargetGroupAssociationLimit",
			"The following target groups cannot be associated with more than one load balancer: " + taken},
		{"two actions", func(in *sdk.CreateListenerInput) { in.DefaultActions = append(forward(http), forward(http)...) }, "InvalidLoadBalancerAction",
			"You must specify exactly one action of type 'forward', 'redirect' or 'fixed-response', as the last action"},
		{"a weight beyond 999", func(in *sdk.CreateListenerInput) {
			in.DefaultActions = weighted(types.TargetGroupTuple{TargetGroupArn: &http, Weight: aws.Int32(1000)})
		}, "InvalidLoadBalancerAction", "The weight '1000' of target group '" + http + "' must be between '0' and '999'"},
		{"a group twice", func(in *sdk.CreateListenerInput) {
			in.DefaultActions = weighted(types.TargetGroupTuple{TargetGroupArn: &http}, types.TargetGroupTuple{TargetGroupArn: &http})
		}, "InvalidLoadBalancerAction", "Target group '" + http + "' was specified more than once"},
		{"too many groups", func(in *sdk.CreateListenerInput) {
			in.DefaultActions = weighted(slices.Repeat([]types.TargetGroupTuple{{TargetGroupArn: &http}}, 6)...)
		}, "TooManyTargetGroups", "The maximum number of target groups per action has been reached: 5"},
		{"a loop", func(in *sdk.CreateListenerInput) {
			in.DefaultActions = redirect(types.RedirectActionConfig{Port: aws.String("80")})
		}, "InvalidLoadBalancerAction",
			"The redirect configuration is not valid because it creates a loop."},
		{"a port that is none", func(in *sdk.CreateListenerInput) {
			in.DefaultActions = redirect(types.RedirectActionConfig{Port: aws.String("http")})
		}, "InvalidLoadBalancerAction",
			"The redirect port 'http' must be in the range 1-65535 or '#{port}'"},
		{"a content type that is none", func(in *sdk.CreateListenerInput) {
			in.DefaultActions = []types.Action{{Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("200"), ContentType: aws.String("image/png")}}}
		}, "InvalidLoadBalancerAction", "The ContentType must be one of:'text/plain', 'text/css', 'text/html', 'application/javascript', 'application/json'"},
		{"authentication", func(in *sdk.CreateListenerInput) {
			in.DefaultActions = []types.Action{{Type: types.ActionTypeEnumAuthenticateOidc}}
		}, "ValidationError", "The parameter DefaultActions[0].Type of CreateListener is not supported by Berth yet: users are not authenticated, and tokens not validated. See docs/compatibility.md."},
		{"a redirect with a line break", func(in *sdk.CreateListenerInput) {
			in.DefaultActions = redirect(types.RedirectActionConfig{Path: aws.String("/a\r\nSet-Cookie: b")})
		}, "InvalidLoadBalancerAction", "The redirect configuration is not valid because '/a\r\nSet-Cookie: b' contains a character that is not valid"},
		{"a redirect of a network load balancer", func(in *sdk.CreateListenerInput) {
			in.LoadBalancerArn, in.Protocol, in.DefaultActions = &nlb, types.ProtocolEnumTcp, redirect(types.RedirectActionConfig{})
		}, "InvalidLoadBalancerAction", "The action type 'redirect' is not valid with network load balancer"},
		{"mutual authentication", func(in *sdk.CreateListenerInput) {
			in.Protocol, in.Certificates, in.MutualAuthentication = types.ProtocolEnumHttps, cert, &types.MutualAuthenticationAttributes{Mode: aws.String("verify")}
		}, "ValidationError", "The parameter MutualAuthentication.Mode of CreateListener is not supported by Berth yet: there are no trust stores, whose certificates AWS reads from S3. See docs/compatibility.md."},
		{"an ALPN policy that is none", func(in *sdk.CreateListenerInput) {
			in.LoadBalancerArn, in.Protocol, in.Certificates, in.DefaultActions, in.AlpnPolicy = &nlb, types.ProtocolEnumTls, cert, forward(tcp), []string{"HTTP9"}
		}, "ALPNPolicyNotFound", "ALPN policy 'HTTP9' not found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := &sdk.CreateListenerInput{LoadBalancerArn: &lb, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), DefaultActions: forward(http)}
			test.change(in)
			_, err := f.CreateListener(t.Context(), in)
			wantError(t, err, test.code, test.message)
		})
	}
}

func TestALifeOfAListener(t *testing.T) {
	f := newFixture(t)
	lb, group, blue := f.application("web"), f.targets("web", types.ProtocolEnumHttp), f.targets("blue", types.ProtocolEnumHttp)
	listener := f.secure(lb, group, 443)
	described, err := f.DescribeListeners(t.Context(), &sdk.DescribeListenersInput{LoadBalancerArn: &lb})
	f.must(err)
	l := described.Listeners[0]
	action := l.DefaultActions[0]
	if *l.SslPolicy != "ELBSecurityPolicy-2016-08" || *l.Certificates[0].CertificateArn != certificate1 || *l.MutualAuthentication.Mode != "off" ||
		*action.TargetGroupArn != group || *action.ForwardConfig.TargetGroups[0].Weight != 1 || *action.ForwardConfig.TargetGroupStickinessConfig.Enabled {
		t.Errorf("%+v %+v", l, action)
	}
	_, err = f.ModifyListener(t.Context(), &sdk.ModifyListenerInput{ListenerArn: &listener, Port: aws.Int32(8443), SslPolicy: aws.String("ELBSecurityPolicy-TLS13-1-2-2021-06"),
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, ForwardConfig: &types.ForwardActionConfig{
			TargetGroups:                []types.TargetGroupTuple{{TargetGroupArn: &group, Weight: aws.Int32(9)}, {TargetGroupArn: &blue, Weight: aws.Int32(1)}},
			TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true), DurationSeconds: aws.Int32(60)}}}}})
	f.must(err)
	eventually(t, "the data path knows the listener", func() bool {
		b := f.plane.balancer(lb)
		if b == nil || len(b.Listeners) != 1 || b.Listeners[0].Port != 8443 {
			return false
		}
		is := b.Listeners[0]
		forward := is.Rules[0].Action.Forward
		return is.TLS.Policy == "ELBSecurityPolicy-TLS13-1-2-2021-06" && string(is.TLS.Certificates[0].OCSPStaple) == certificate1 && is.TLS.Mutual == "off" &&
			len(forward.Groups) == 2 && forward.Groups[0].Weight == 9 && forward.Sticky.Seconds() == 60 && f.plane.group(blue) != nil
	})
	plain, err := f.ModifyListener(t.Context(), &sdk.ModifyListenerInput{ListenerArn: &listener, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80)})
	f.must(err)
	if l := plain.Listeners[0]; l.SslPolicy != nil || len(l.Certificates) != 0 || l.MutualAuthentication != nil || l.DefaultActions[0].TargetGroupArn != nil {
		t.Errorf("%+v", l)
	}
	_, err = f.DeleteListener(t.Context(), &sdk.DeleteListenerInput{ListenerArn: &listener})
	f.must(err)
	_, err = f.DeleteListener(t.Context(), &sdk.DeleteListenerInput{ListenerArn: &listener})
	wantError(t, err, "ListenerNotFound", "Listener '"+listener+"' not found")
	_, err = f.DescribeListeners(t.Context(), &sdk.DescribeListenersInput{ListenerArns: []string{listener}})
	wantError(t, err, "ListenerNotFound", "One or more listeners not found")
	eventually(t, "the data path forgets the group", func() bool { return f.plane.group(blue) == nil })
}

func TestCertificatesOfAListener(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	listener := f.secure(lb, group, 443)
	arn := func(n int) types.Certificate {
		return types.Certificate{CertificateArn: aws.String(fmt.Sprintf("arn:aws:acm:eu-west-1:123456789012:certificate/%d", n))}
	}
	_, err := f.AddListenerCertificates(t.Context(), &sdk.AddListenerCertificatesInput{ListenerArn: &listener, Certificates: []types.Certificate{arn(2), arn(3)}})
	f.must(err)
	_, err = f.RemoveListenerCertificates(t.Context(), &sdk.RemoveListenerCertificatesInput{ListenerArn: &listener, Certificates: []types.Certificate{arn(2)}})
	f.must(err)
	_, err = f.RemoveListenerCertificates(t.Context(), &sdk.RemoveListenerCertificatesInput{ListenerArn: &listener, Certificates: []types.Certificate{arn(1)}})
	wantError(t, err, "OperationNotPermitted", "Default certificate '"+certificate1+"' cannot be removed")
	described, err := f.DescribeListenerCertificates(t.Context(), &sdk.DescribeListenerCertificatesInput{ListenerArn: &listener})
	f.must(err)
	if cs := described.Certificates; len(cs) != 2 || !*cs[0].IsDefault || *cs[1].IsDefault || *cs[1].CertificateArn != *arn(3).CertificateArn {
		t.Errorf("%+v", cs)
	}
	if users := f.service.CertificateUsers(here, *arn(3).CertificateArn); len(users) != 1 || users[0] != lb {
		t.Errorf("users %v", users)
	}
	var many []types.Certificate
	for n := range maxCertificates + 1 {
		many = append(many, arn(10+n))
	}
	_, err = f.AddListenerCertificates(t.Context(), &sdk.AddListenerCertificatesInput{ListenerArn: &listener, Certificates: many})
	wantError(t, err, "TooManyCertificates", "The maximum number of certificates per load balancer has been reached: 25")
	_, err = f.ModifyListener(t.Context(), &sdk.ModifyListenerInput{ListenerArn: &listener, Certificates: []types.Certificate{arn(3)}})
	f.must(err)
	described, err = f.DescribeListenerCertificates(t.Context(), &sdk.DescribeListenerCertificatesInput{ListenerArn: &listener})
	f.must(err)
	if cs := described.Certificates; len(cs) != 2 || !*cs[0].IsDefault || *cs[1].IsDefault || *cs[0].CertificateArn != *arn(3).CertificateArn || *cs[1].CertificateArn != *arn(3).CertificateArn {
		t.Errorf("the default certificate is to be one of the others still: %+v", cs)
	}
	eventually(t, "the data path has it once", func() bool {
		b := f.plane.balancer(lb)
		return b != nil && len(b.Listeners[0].TLS.Certificates) == 1
	})
	_, err = f.RemoveListenerCertificates(t.Context(), &sdk.RemoveListenerCertificatesInput{ListenerArn: &listener, Certificates: []types.Certificate{arn(3)}})
	f.must(err)
	_, err = f.RemoveListenerCertificates(t.Context(), &sdk.RemoveListenerCertificatesInput{ListenerArn: &listener, Certificates: []types.Certificate{arn(3)}})
	wantError(t, err, "OperationNotPermitted", "Default certificate '"+*arn(3).CertificateArn+"' cannot be removed")
	added, err := f.AddListenerCertificates(t.Context(), &sdk.AddListenerCertificatesInput{ListenerArn: &listener, Certificates: []types.Certificate{arn(3)}})
	f.must(err)
	if cs := added.Certificates; len(cs) != 1 || *cs[0].IsDefault {
		t.Errorf("%+v", cs)
	}
}

func TestAListenerKeepsItsHeadersUnderAnotherProtocol(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	listener, frames := f.listen(lb, group, 80), aws.String("routing.http.response.x_frame_options.header_value")
	_, err := f.ModifyListenerAttributes(t.Context(), &sdk.ModifyListenerAttributesInput{ListenerArn: &listener,
		Attributes: []types.ListenerAttribute{{Key: frames, Value: aws.String("DENY")}}})
	f.must(err)
	_, err = f.ModifyListener(t.Context(), &sdk.ModifyListenerInput{ListenerArn: &listener, Protocol: types.ProtocolEnumHttps,
		Certificates: []types.Certificate{{CertificateArn: aws.String(certificate1)}}})
	f.must(err)
	described, err := f.DescribeListenerAttributes(t.Context(), &sdk.DescribeListenerAttributesInput{ListenerArn: &listener})
	f.must(err)
	if !slices.ContainsFunc(described.Attributes, func(a types.ListenerAttribute) bool { return *a.Key == *frames && *a.Value == "DENY" }) {
		t.Errorf("%+v", described.Attributes)
	}
}

func TestHeadersThatAReleaseBeforeStoredBreakNoAnswer(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	arn := f.listen(lb, group, 80)
	id := idIn(here, kindListener, arn)
	f.tx(func(tx *store.Tx) error {
		return f.service.tables.listeners.Modify(tx, here, id, func(l *listener) error {
			l.Attributes = map[string]string{
				"routing.http.response.x_frame_options.header_value":           "DENY\r\nSet-Cookie: a=b",
				"routing.http.response.content_security_policy.header_value":   "default-src 'self'\r\n\r\n<script>",
				"routing.http.response.strict_transport_security.header_value": "max-age=60",
			}
			return nil
		})
	})
	f.tx(func(tx *store.Tx) error {
		for _, row := range f.service.tables.rules.FindTx(tx, here, byListener, id) {
			if err := f.service.tables.rules.Modify(tx, here, row.ID, func(r *rule) error {
				r.Actions = []api.Action{{Type: api.ActionTypeEnumRedirect, RedirectConfig: &api.RedirectActionConfig{Protocol: "HTTPS", Port: "443", Host: "a\r\nX: b",
					Path: "/a\nb", Query: "q=1", StatusCode: api.RedirectActionStatusCodeEnumHttp301}}}
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	eventually(t, "the data path knows what can be in a header, and nothing else", func() bool {
		b := f.plane.balancer(lb)
		if b == nil || len(b.Listeners) != 1 || len(b.Listeners[0].Headers) == 0 || b.Listeners[0].Rules[0].Action.Redirect == nil {
			return false
		}
		to := b.Listeners[0].Rules[0].Action.Redirect
		return maps.Equal(b.Listeners[0].Headers, map[string]string{"Strict-Transport-Security": "max-age=60"}) && to.Host == "#{host}" && to.Path == "/#{path}" && to.Query == "q=1"
	})
}

func TestDescribeSSLPolicies(t *testing.T) {
	f := newFixture(t)
	one, err := f.DescribeSSLPolicies(t.Context(), &sdk.DescribeSSLPoliciesInput{Names: []string{"ELBSecurityPolicy-TLS13-1-2-2021-06"}})
	f.must(err)
	p := one.SslPolicies[0]
	if strings.Join(p.SslProtocols, " ") != "TLSv1.2 TLSv1.3" || *p.Ciphers[0].Name != "TLS_AES_128_GCM_SHA256" || *p.Ciphers[0].Priority != 1 {
		t.Errorf("%+v", p)
	}
	all, err := f.DescribeSSLPolicies(t.Context(), &sdk.DescribeSSLPoliciesInput{PageSize: aws.Int32(400)})
	f.must(err)
	if len(all.SslPolicies) < 20 || all.NextMarker != nil {
		t.Errorf("%d policies", len(all.SslPolicies))
	}
	_, err = f.DescribeSSLPolicies(t.Context(), &sdk.DescribeSSLPoliciesInput{Names: []string{"x"}})
	wantError(t, err, "SSLPolicyNotFound", "SSL policy 'x' not found")
}
