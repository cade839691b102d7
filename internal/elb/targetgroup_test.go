package elb

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func TestHealthChecksHaveDefaultsByProtocol(t *testing.T) {
	f := newFixture(t)
	tests := []struct {
		name    string
		in      sdk.CreateTargetGroupInput
		version string
		check   string // protocol port path interval timeout healthy unhealthy codes
	}{
		{"http", sdk.CreateTargetGroupInput{Protocol: types.ProtocolEnumHttp}, "HTTP1", "HTTP traffic-port / 30 5 5 2 200"},
		{"https", sdk.CreateTargetGroupInput{Protocol: types.ProtocolEnumHttps, ProtocolVersion: aws.String("HTTP2")}, "HTTP2", "HTTP traffic-port / 30 5 5 2 200"},
		{"grpc", sdk.CreateTargetGroupInput{Protocol: types.ProtocolEnumHttp, ProtocolVersion: aws.String("GRPC")}, "GRPC", "HTTP traffic-port /AWS.ALB/healthcheck 30 5 5 2 grpc 12"},
		{"tcp", sdk.CreateTargetGroupInput{Protocol: types.ProtocolEnumTcp}, "", "TCP traffic-port  30 10 5 2 "},
		{"tcp by http", sdk.CreateTargetGroupInput{Protocol: types.ProtocolEnumTcp, HealthCheckProtocol: types.ProtocolEnumHttp, HealthCheckPort: aws.String("8080")}, "",
			"HTTP 8080 / 30 6 5 2 200-399"},
		{"a short interval", sdk.CreateTargetGroupInput{Protocol: types.ProtocolEnumHttp, HealthCheckIntervalSeconds: aws.Int32(5)}, "HTTP1", "HTTP traffic-port / 5 4 5 2 200"},
		{"all of it", sdk.CreateTargetGroupInput{Protocol: types.ProtocolEnumHttp, HealthCheckPath: aws.String("/up"), HealthCheckTimeoutSeconds: aws.Int32(2),
			HealthCheckIntervalSeconds: aws.Int32(6), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(3), Matcher: &types.Matcher{HttpCode: aws.String("200,204-299")}},
			"HTTP1", "HTTP traffic-port /up 6 2 2 3 200,204-299"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.in.Name, test.in.Port, test.in.VpcId = aws.String(strings.ReplaceAll(test.name, " ", "-")), aws.Int32(80), aws.String(vpc)
			made, err := f.CreateTargetGroup(t.Context(), &test.in)
			f.must(err)
			g := made.TargetGroups[0]
			if got := checkOf(g); got != test.check || aws.ToString(g.ProtocolVersion) != test.version {
				t.Errorf("%s: %s\nwant %s: %s", aws.ToString(g.ProtocolVersion), got, test.version, test.check)
			}
		})
	}
}

// checkOf is a group's health check as text.
func checkOf(g types.TargetGroup) string {
	codes := ""
	if g.Matcher != nil && g.Matcher.GrpcCode != nil {
		codes = "grpc " + *g.Matcher.GrpcCode
	} else if g.Matcher != nil {
		codes = aws.ToString(g.Matcher.HttpCode)
	}
	return strings.Join([]string{string(g.HealthCheckProtocol), *g.HealthCheckPort, aws.ToString(g.HealthCheckPath), decimal(g.HealthCheckIntervalSeconds),
		decimal(g.HealthCheckTimeoutSeconds), decimal(g.HealthyThresholdCount), decimal(g.UnhealthyThresholdCount), codes}, " ")
}

func TestTargetGroupsThatCannotBe(t *testing.T) {
	f := newFixture(t)
	f.targets("web", types.ProtocolEnumHttp)
	tests := []struct {
		name          string
		change        func(*sdk.CreateTargetGroupInput)
		code, message string
	}{
		{"a name that ends with a hyphen", func(in *sdk.CreateTargetGroupInput) { in.Name = aws.String("a-") }, "ValidationError",
			"Target group name 'a-' cannot begin or end with '-'"},
		{"a name that is too long", func(in *sdk.CreateTargetGroupInput) { in.Name = aws.String(strings.Repeat("a", 33)) }, "ValidationError",
			"Target group name '" + strings.Repeat("a", 33) + "' cannot be longer than '32' characters"},
		{"a name that another has", func(in *sdk.CreateTargetGroupInput) { in.Name = aws.String("web") }, "DuplicateTargetGroupName",
			"A target group with the same name 'web' exists, but with different settings"},
		{"no protocol", func(in *sdk.CreateTargetGroupInput) { in.Protocol = "" }, "ValidationError", "A protocol must be specified"},
		{"no port", func(in *sdk.CreateTargetGroupInput) { in.Port = nil }, "ValidationError", "A port must be specified"},
		{"no VPC", func(in *sdk.CreateTargetGroupInput) { in.VpcId = nil }, "ValidationError", "A VPC ID must be specified"},
		{"a VPC that is not there", func(in *sdk.CreateTargetGroupInput) { in.VpcId = aws.String("vpc-x") }, "ValidationError", "The VPC ID 'vpc-x' is not found"},
		{"an interval that is too short", func(in *sdk.CreateTargetGroupInput) { in.HealthCheckIntervalSeconds = aws.Int32(4) }, "ValidationError",
			"1 validation error detected: Value '4' at 'healthCheckIntervalSeconds' failed to satisfy constraint: Member must have value greater than or equal to 5"},
		{"a timeout beyond the interval", func(in *sdk.CreateTargetGroupInput) {
			in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds = aws.Int32(10), aws.Int32(20)
		}, "ValidationError", "Health check timeout '20' must be smaller than the interval '10'"},
		{"an empty matcher", func(in *sdk.CreateTargetGroupInput) { in.Matcher = &types.Matcher{HttpCode: aws.String("")} }, "ValidationError",
			"Health check matcher HTTP code cannot be empty"},
		{"codes that are none", func(in *sdk.CreateTargetGroupInput) { in.Matcher = &types.Matcher{HttpCode: aws.String("200-x")} }, "ValidationError",
			"Health check matcher HTTP code '200-x' must be within '200-499' and a comma separated list or a range"},
		{"a path that begins with no slash", func(in *sdk.CreateTargetGroupInput) { in.HealthCheckPath = aws.String("up") }, "ValidationError",
			"Health check path 'up' must begin with a '/' character"},
		{"a health check by TCP", func(in *sdk.CreateTargetGroupInput) { in.HealthCheckProtocol = types.ProtocolEnumTcp }, "ValidationError",
			"Health check protocol 'TCP' is not supported for target groups with the HTTP protocol"},
		{"no health check", func(in *sdk.CreateTargetGroupInput) { in.HealthCheckEnabled = aws.Bool(false) }, "ValidationError",
			"Health check enabled must be true for target groups with target type 'instance'"},
		{"a port that is none", func(in *sdk.CreateTargetGroupInput) { in.HealthCheckPort = aws.String("http") }, "ValidationError",
			"Health check port 'http' must be in the range 1-65535 or 'traffic-port'"},
		{"a path of TCP", func(in *sdk.CreateTargetGroupInput) {
			in.Protocol, in.HealthCheckPath = types.ProtocolEnumTcp, aws.String("/up")
		}, "ValidationError", "Health check paths and matchers are not supported for health checks with the TCP protocol"},
		{"a version of TCP", func(in *sdk.CreateTargetGroupInput) {
			in.Protocol, in.ProtocolVersion = types.ProtocolEnumTcp, aws.String("HTTP1")
		}, "ValidationError", "Protocol version is not supported for target groups with the TCP protocol"},
		{"a version that is none", func(in *sdk.CreateTargetGroupInput) { in.ProtocolVersion = aws.String("HTTP3") }, "ValidationError",
			"Protocol version 'HTTP3' must be one of '[HTTP1, HTTP2, GRPC]'"},
		{"a function", func(in *sdk.CreateTargetGroupInput) { in.TargetType = types.TargetTypeEnumLambda }, "ValidationError",
			"The parameter TargetType of CreateTargetGroup is not supported by Berth yet: targets are instances and addresses. See docs/compatibility.md."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := &sdk.CreateTargetGroupInput{Name: aws.String("a"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String(vpc)}
			test.change(in)
			_, err := f.CreateTargetGroup(t.Context(), in)
			wantError(t, err, test.code, test.message)
		})
	}
}

func TestModifyTargetGroup(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	f.listen(lb, group, 80)
	changed, err := f.ModifyTargetGroup(t.Context(), &sdk.ModifyTargetGroupInput{TargetGroupArn: &group, HealthCheckPath: aws.String("/up"), HealthCheckPort: aws.String("81")})
	f.must(err)
	if got := checkOf(changed.TargetGroups[0]); got != "HTTP 81 /up 30 5 5 2 200" || changed.TargetGroups[0].LoadBalancerArns[0] != lb {
		t.Errorf("%s of %v", got, changed.TargetGroups[0].LoadBalancerArns)
	}
	eventually(t, "the data path knows the check", func() bool {
		plain := f.plane.group(group)
		return plain != nil && plain.Check.Port == 81 && plain.Check.Path == "/up" && plain.Check.Enabled && plain.Check.Codes == "200"
	})
	again, err := f.CreateTargetGroup(t.Context(), &sdk.CreateTargetGroupInput{Name: aws.String("web"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String(vpc),
		TargetType: types.TargetTypeEnumIp, HealthCheckPath: aws.String("/up"), HealthCheckPort: aws.String("81")})
	f.must(err)
	if *again.TargetGroups[0].TargetGroupArn != group {
		t.Error("the same request makes another group")
	}
}

func TestDescribeTargetGroups(t *testing.T) {
	f := newFixture(t)
	lb := f.application("web")
	used, rest := f.targets("used", types.ProtocolEnumHttp), f.targets("rest", types.ProtocolEnumHttp)
	listener := f.listen(lb, used, 80)
	f.rule(listener, used, "/a", 1)
	of, err := f.DescribeTargetGroups(t.Context(), &sdk.DescribeTargetGroupsInput{LoadBalancerArn: &lb})
	f.must(err)
	if len(of.TargetGroups) != 1 || *of.TargetGroups[0].TargetGroupArn != used {
		t.Errorf("of the load balancer: %+v", of.TargetGroups)
	}
	all, err := f.DescribeTargetGroups(t.Context(), &sdk.DescribeTargetGroupsInput{})
	f.must(err)
	named, err := f.DescribeTargetGroups(t.Context(), &sdk.DescribeTargetGroupsInput{Names: []string{"rest"}})
	f.must(err)
	if len(all.TargetGroups) != 2 || *named.TargetGroups[0].TargetGroupArn != rest || len(named.TargetGroups[0].LoadBalancerArns) != 0 {
		t.Errorf("all: %d, by name: %+v", len(all.TargetGroups), named.TargetGroups)
	}
	_, err = f.DescribeTargetGroups(t.Context(), &sdk.DescribeTargetGroupsInput{Names: []string{"x"}})
	wantError(t, err, "TargetGroupNotFound", "One or more target groups not found")
	_, err = f.DescribeTargetGroups(t.Context(), &sdk.DescribeTargetGroupsInput{Names: []string{"x"}, LoadBalancerArn: &lb})
	wantError(t, err, "ValidationError", "Only one of load balancer ARN, target group ARNs, or target group names can be specified")
}
