package elb

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

func decimal(n *int32) string { return strconv.Itoa(int(aws.ToInt32(n))) }

//go:embed testdata/attributes.txt
var attributesOfAWS string

// TestAttributesHaveAWSsDefaults compares what is described with what AWS's documentation says of each kind.
func TestAttributesHaveAWSsDefaults(t *testing.T) {
	f := newFixture(t)
	var got strings.Builder
	say := func(what string, pairs []string) {
		slices.Sort(pairs)
		fmt.Fprintf(&got, "%s\n  %s\n", what, strings.Join(pairs, "\n  "))
	}
	application, network := f.application("a"), f.networked("n")
	for _, lb := range []string{application, network} {
		out, err := f.DescribeLoadBalancerAttributes(t.Context(), &sdk.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &lb})
		f.must(err)
		var pairs []string
		for _, a := range out.Attributes {
			pairs = append(pairs, *a.Key+"="+aws.ToString(a.Value))
		}
		say("load balancer "+strings.Split(lb, "/")[1], pairs)
	}
	groups := map[types.ProtocolEnum]string{}
	for _, protocol := range []types.ProtocolEnum{types.ProtocolEnumHttp, types.ProtocolEnumTcp, types.ProtocolEnumUdp} {
		groups[protocol] = f.targets(string(protocol), protocol)
		group := groups[protocol]
		out, err := f.DescribeTargetGroupAttributes(t.Context(), &sdk.DescribeTargetGroupAttributesInput{TargetGroupArn: &group})
		f.must(err)
		var pairs []string
		for _, a := range out.Attributes {
			pairs = append(pairs, *a.Key+"="+aws.ToString(a.Value))
		}
		say("target group "+string(protocol), pairs)
	}
	for _, listener := range []string{f.listen(application, groups[types.ProtocolEnumHttp], 80), f.secure(application, groups[types.ProtocolEnumHttp], 443),
		f.listen(network, groups[types.ProtocolEnumTcp], 80)} {
		out, err := f.DescribeListenerAttributes(t.Context(), &sdk.DescribeListenerAttributesInput{ListenerArn: &listener})
		f.must(err)
		var pairs []string
		for _, a := range out.Attributes {
			pairs = append(pairs, *a.Key+"="+aws.ToString(a.Value))
		}
		described, err := f.DescribeListeners(t.Context(), &sdk.DescribeListenersInput{ListenerArns: []string{listener}})
		f.must(err)
		say("listener "+string(described.Listeners[0].Protocol), pairs)
	}
	if got.String() != attributesOfAWS {
		t.Errorf("got\n%s", got.String())
	}
}

func TestAttributesThatCannotBe(t *testing.T) {
	f := newFixture(t)
	lb, tcp, http := f.application("web"), f.targets("tcp", types.ProtocolEnumTcp), f.targets("http", types.ProtocolEnumHttp)
	listener := f.listen(lb, http, 80)
	tests := []struct {
		of, attribute, code, message string
	}{
		{lb, "colour=red", "ValidationError", "Load balancer attribute key 'colour' is not recognized"},
		{lb, "idle_timeout.timeout_seconds=0", "ValidationError", "Load balancer attribute value '0' for 'idle_timeout.timeout_seconds' is not valid: it must be between '1' and '4000'"},
		{lb, "routing.http2.enabled=yes", "ValidationError", "Load balancer attribute value 'yes' for 'routing.http2.enabled' is not valid: it must be one of '[true, false]'"},
		{lb, "access_logs.s3.enabled=true", "ValidationError",
			"The parameter Attributes[0].Value of ModifyLoadBalancerAttributes is not supported by Berth yet: access_logs.s3.enabled: there is no S3 to keep logs in; with `berth dev --access-logs DIR`, buckets are directories in DIR. See docs/compatibility.md."},
		{tcp, "slow_start.duration_seconds=30", "ValidationError", "Target group attribute key 'slow_start.duration_seconds' is not recognized"},
		{tcp, "stickiness.type=lb_cookie", "InvalidConfigurationRequest", "Stickiness type 'lb_cookie' is not supported for target groups with the TCP protocol"},
		{http, "stickiness.type=source_ip", "InvalidConfigurationRequest", "Stickiness type 'source_ip' is not supported for target groups with the HTTP protocol"},
		{http, "slow_start.duration_seconds=10", "ValidationError",
			"Target group attribute value '10' for 'slow_start.duration_seconds' is not valid: it must be between '30' and '900', or 0 to disable"},
		{http, "load_balancing.algorithm.anomaly_mitigation=on", "ValidationError",
			"The parameter Attributes[0].Value of ModifyTargetGroupAttributes is not supported by Berth yet: load_balancing.algorithm.anomaly_mitigation: anomalies of targets are not looked for. See docs/compatibility.md."},
		{http, "stickiness.app_cookie.cookie_name=AWSALBAPP-0", "ValidationError",
			"Target group attribute value 'AWSALBAPP-0' for 'stickiness.app_cookie.cookie_name' is not valid: it must be the name of a cookie that does not begin with 'AWSALB'"},
		{http, "stickiness.app_cookie.cookie_name=a b", "ValidationError",
			"Target group attribute value 'a b' for 'stickiness.app_cookie.cookie_name' is not valid: it must be the name of a cookie that does not begin with 'AWSALB'"},
		{listener, "routing.http.response.content_security_policy.header_value=a\r\nSet-Cookie: b", "ValidationError",
			"Listener attribute value 'a\r\nSet-Cookie: b' for 'routing.http.response.content_security_policy.header_value' is not valid: it must be up to 1024 printable ASCII characters"},
		{listener, "routing.http.response.x_frame_options.header_value=DENY\n", "ValidationError",
			"Listener attribute value 'DENY\n' for 'routing.http.response.x_frame_options.header_value' is not valid: it must be 'DENY', 'SAMEORIGIN' or 'ALLOW-FROM' with an address"},
		{listener, "routing.http.response.access_control_max_age.header_value=86401", "ValidationError",
			"Listener attribute value '86401' for 'routing.http.response.access_control_max_age.header_value' is not valid: it must be between '0' and '86400'"},
		{listener, "routing.http.response.access_control_allow_credentials.header_value=false", "ValidationError",
			"Listener attribute value 'false' for 'routing.http.response.access_control_allow_credentials.header_value' is not valid: it must be 'true'"},
		{"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef", "stickiness.enabled=true", "TargetGroupNotFound",
			"Target group 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef' not found"},
	}
	for _, test := range tests {
		t.Run(test.attribute, func(t *testing.T) {
			key, value, _ := strings.Cut(test.attribute, "=")
			var err error
			switch test.of {
			case listener:
				_, err = f.ModifyListenerAttributes(t.Context(), &sdk.ModifyListenerAttributesInput{ListenerArn: &test.of,
					Attributes: []types.ListenerAttribute{{Key: &key, Value: &value}}})
			case lb:
				_, err = f.ModifyLoadBalancerAttributes(t.Context(), &sdk.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &test.of,
					Attributes: []types.LoadBalancerAttribute{{Key: &key, Value: &value}}})
			default:
				_, err = f.ModifyTargetGroupAttributes(t.Context(), &sdk.ModifyTargetGroupAttributesInput{TargetGroupArn: &test.of,
					Attributes: []types.TargetGroupAttribute{{Key: &key, Value: &value}}})
			}
			wantError(t, err, test.code, test.message)
		})
	}
}

func TestAccessLogsNeedABucket(t *testing.T) {
	f := newFixtureWith(t, Config{AccessLogs: true})
	lb, nlb, group := f.application("web"), f.networked("net"), f.targets("web", types.ProtocolEnumHttp)
	f.listen(lb, group, 80)
	modify := func(lb, bucket, prefix string) error {
		_, err := f.ModifyLoadBalancerAttributes(t.Context(), &sdk.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &lb, Attributes: []types.LoadBalancerAttribute{
			{Key: aws.String("access_logs.s3.enabled"), Value: aws.String("true")}, {Key: aws.String("access_logs.s3.bucket"), Value: &bucket},
			{Key: aws.String("access_logs.s3.prefix"), Value: &prefix}}})
		return err
	}
	wantError(t, modify(lb, "", ""), "InvalidConfigurationRequest", "The access log bucket name '' is not valid")
	wantError(t, modify(lb, "a..b", ""), "InvalidConfigurationRequest", "The access log bucket name 'a..b' is not valid")
	wantError(t, modify(lb, "logs", "../x"), "InvalidConfigurationRequest", "The access log prefix '../x' is not valid")
	wantError(t, modify(nlb, "logs", ""), "ValidationError", "The parameter Attributes[0].Value of ModifyLoadBalancerAttributes is not supported by Berth yet: "+
		"access_logs.s3.enabled: connections are not logged. See docs/compatibility.md.")
	f.must(modify(lb, "logs", "a/b"))
	eventually(t, "the data path knows where to log", func() bool {
		b := f.plane.balancer(lb)
		return b != nil && b.AccessLog != nil && *b.AccessLog == balancer.AccessLog{Balancer: lb, Bucket: "logs", Prefix: "a/b"}
	})
}

func TestAttributesReachTheDataPath(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	listener := f.listen(lb, group, 80)
	_, err := f.ModifyLoadBalancerAttributes(t.Context(), &sdk.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &lb, Attributes: []types.LoadBalancerAttribute{
		{Key: aws.String("idle_timeout.timeout_seconds"), Value: aws.String("7")}, {Key: aws.String("routing.http.xff_header_processing.mode"), Value: aws.String("remove")}}})
	f.must(err)
	_, err = f.ModifyTargetGroupAttributes(t.Context(), &sdk.ModifyTargetGroupAttributesInput{TargetGroupArn: &group, Attributes: []types.TargetGroupAttribute{
		{Key: aws.String("stickiness.enabled"), Value: aws.String("true")}, {Key: aws.String("stickiness.lb_cookie.duration_seconds"), Value: aws.String("60")},
		{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("5")}, {Key: aws.String("slow_start.duration_seconds"), Value: aws.String("30")}}})
	f.must(err)
	_, err = f.ModifyListenerAttributes(t.Context(), &sdk.ModifyListenerAttributesInput{ListenerArn: &listener, Attributes: []types.ListenerAttribute{
		{Key: aws.String("routing.http.response.x_frame_options.header_value"), Value: aws.String("DENY")}, {Key: aws.String("routing.http.response.server.enabled"), Value: aws.String("false")}}})
	f.must(err)
	eventually(t, "the data path knows the attributes", func() bool {
		b, g := f.plane.balancer(lb), f.plane.group(group)
		return b != nil && g != nil && b.HTTP.IdleTimeout.Seconds() == 7 && b.HTTP.ForwardedFor == "remove" && len(b.Listeners) == 1 &&
			fmt.Sprint(b.Listeners[0].Headers) == "map[Server: X-Frame-Options:DENY]" &&
			g.Stickiness.Kind == "lb_cookie" && g.Stickiness.For.Seconds() == 60 && g.Delay.Seconds() == 5 && g.SlowStart.Seconds() == 30
	})
}
