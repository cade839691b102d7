package elb

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

func TestALoadBalancerStandsInItsSubnets(t *testing.T) {
	f := newFixture(t)
	made, err := f.CreateLoadBalancer(t.Context(), &sdk.CreateLoadBalancerInput{Name: aws.String("Web"), Subnets: []string{"subnet-a", "subnet-b"},
		SecurityGroups: []string{"sg-web"}, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}})
	f.must(err)
	lb := made.LoadBalancers[0]
	if name := *lb.DNSName; !strings.HasPrefix(name, "web-") || !strings.HasSuffix(name, ".eu-west-1.elb.localhost") {
		t.Errorf("DNS name %s", name)
	}
	if lb.Type != types.LoadBalancerTypeEnumApplication || lb.Scheme != types.LoadBalancerSchemeEnumInternetFacing || *lb.VpcId != vpc ||
		lb.IpAddressType != types.IpAddressTypeIpv4 || lb.SecurityGroups[0] != "sg-web" || len(lb.AvailabilityZones) != 2 ||
		*lb.AvailabilityZones[1].ZoneName != "eu-west-1b" || *lb.CanonicalHostedZoneId == "" {
		t.Errorf("%+v", lb)
	}
	for _, spec := range f.network.all() {
		if want := "ELB app/Web/" + (*lb.LoadBalancerArn)[strings.LastIndexByte(*lb.LoadBalancerArn, '/')+1:]; spec.Description != want || !spec.Public || spec.Network {
			t.Errorf("interface %+v, want %s", spec, want)
		}
	}
	waiter := sdk.NewLoadBalancerAvailableWaiter(f.Client, func(o *sdk.LoadBalancerAvailableWaiterOptions) { o.MinDelay, o.MaxDelay = 1, 2 })
	f.must(waiter.Wait(t.Context(), &sdk.DescribeLoadBalancersInput{Names: []string{"Web"}}, 1e10))

	plain := f.plane.balancer(*lb.LoadBalancerArn)
	if plain.Name != "Web" || plain.Network || !plain.CrossZone || len(plain.Addresses) != 2 || plain.HTTP.IdleTimeout.Seconds() != 60 ||
		!plain.HTTP.HTTP2 || plain.HTTP.ForwardedFor != "append" || plain.HTTP.DesyncMode != "defensive" || plain.AccessLog != nil {
		t.Errorf("the data path was told %+v", plain)
	}

	again, err := f.CreateLoadBalancer(t.Context(), &sdk.CreateLoadBalancerInput{Name: aws.String("Web"), Subnets: []string{"subnet-b", "subnet-a"}, SecurityGroups: []string{"sg-web"}})
	f.must(err)
	if *again.LoadBalancers[0].LoadBalancerArn != *lb.LoadBalancerArn {
		t.Error("the same request makes another load balancer")
	}
	_, err = f.DeleteLoadBalancer(t.Context(), &sdk.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
	f.must(err)
	if left := f.network.all(); len(left) > 0 {
		t.Errorf("interfaces are left: %v", left)
	}
	f.must(sdk.NewLoadBalancersDeletedWaiter(f.Client, func(o *sdk.LoadBalancersDeletedWaiterOptions) { o.MinDelay, o.MaxDelay = 1, 2 }).
		Wait(t.Context(), &sdk.DescribeLoadBalancersInput{LoadBalancerArns: []string{*lb.LoadBalancerArn}}, 1e10))
	eventually(t, "the data path forgets the load balancer", func() bool { return f.plane.balancer(*lb.LoadBalancerArn) == nil })
	_, err = f.DeleteLoadBalancer(t.Context(), &sdk.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
	f.must(err)
}

func TestLoadBalancersThatCannotBe(t *testing.T) {
	f := newFixture(t)
	f.application("web")
	two := []string{"subnet-a", "subnet-b"}
	tests := []struct {
		name          string
		in            sdk.CreateLoadBalancerInput
		code, message string
	}{
		{"a name that is too long", sdk.CreateLoadBalancerInput{Name: aws.String(strings.Repeat("a", 33)), Subnets: two}, "ValidationError",
			"The load balancer name '" + strings.Repeat("a", 33) + "' cannot be longer than '32' characters"},
		{"a name with an underscore", sdk.CreateLoadBalancerInput{Name: aws.String("my_lb"), Subnets: two}, "ValidationError",
			"The load balancer name 'my_lb' can only contain characters that are alphanumeric characters and hyphens(-)"},
		{"a name that begins with internal-", sdk.CreateLoadBalancerInput{Name: aws.String("internal-a"), Subnets: two}, "ValidationError",
			"The load balancer name 'internal-a' cannot begin with 'internal-'"},
		{"one subnet", sdk.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: two[:1]}, "ValidationError",
			"At least two subnets in two different Availability Zones must be specified"},
		{"no subnet of a network load balancer", sdk.CreateLoadBalancerInput{Name: aws.String("a"), Type: types.LoadBalancerTypeEnumNetwork}, "ValidationError",
			"At least one subnet must be specified"},
		{"two subnets of one zone", sdk.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: []string{"subnet-a", "subnet-d"}}, "InvalidConfigurationRequest",
			"A load balancer cannot be attached to multiple subnets in the same Availability Zone"},
		{"subnets of two VPCs", sdk.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: []string{"subnet-a", "subnet-e"}}, "InvalidConfigurationRequest",
			"All subnets must belong to the same VPC: 'vpc-0a'"},
		{"a subnet that is not there", sdk.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: []string{"subnet-a", "subnet-x"}}, "SubnetNotFound",
			"The subnet ID 'subnet-x' does not exist"},
		{"a security group that is not there", sdk.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: two, SecurityGroups: []string{"sg-x"}}, "InvalidSecurityGroup",
			"One or more security groups are invalid"},
		{"a name that another has", sdk.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{"subnet-a", "subnet-c"}}, "DuplicateLoadBalancerName",
			"A load balancer with the same name 'web' exists, but with different settings"},
		{"a tag twice", sdk.CreateLoadBalancerInput{Name: aws.String("a"), Subnets: two, Tags: []types.Tag{{Key: aws.String("k")}, {Key: aws.String("k")}}}, "DuplicateTagKeys",
			"Tag key was specified more than once: k"},
		{"a fixed address of an application load balancer", sdk.CreateLoadBalancerInput{Name: aws.String("a"), SubnetMappings: []types.SubnetMapping{
			{SubnetId: aws.String("subnet-a"), PrivateIPv4Address: aws.String("10.0.0.9")}, {SubnetId: aws.String("subnet-b")}}}, "InvalidConfigurationRequest",
			"You can specify private IPv4 addresses only for internal Network Load Balancers"},
		{"a fixed address that is taken", sdk.CreateLoadBalancerInput{Name: aws.String("a"), Type: types.LoadBalancerTypeEnumNetwork, Scheme: types.LoadBalancerSchemeEnumInternal,
			SubnetMappings: []types.SubnetMapping{{SubnetId: aws.String("subnet-a"), PrivateIPv4Address: aws.String("10.0.0.255")}}}, "InvalidSubnet",
			"Not enough IP space available in subnet-a. ELB requires at least 8 free IP addresses in each subnet."},
		{"a gateway load balancer", sdk.CreateLoadBalancerInput{Name: aws.String("a"), Type: types.LoadBalancerTypeEnumGateway, Subnets: two}, "ValidationError",
			"The parameter Type of CreateLoadBalancer is not supported by Berth yet: gateway load balancers are not there. See docs/compatibility.md."},
		{"IPv6", sdk.CreateLoadBalancerInput{Name: aws.String("a"), IpAddressType: types.IpAddressTypeDualstack, Subnets: two}, "ValidationError",
			"The parameter IpAddressType of CreateLoadBalancer is not supported by Berth yet: VPCs have no IPv6. See docs/compatibility.md."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := f.CreateLoadBalancer(t.Context(), &test.in)
			wantError(t, err, test.code, test.message)
		})
	}
}

func TestAnInternalNetworkLoadBalancer(t *testing.T) {
	f := newFixture(t)
	made, err := f.CreateLoadBalancer(t.Context(), &sdk.CreateLoadBalancerInput{Name: aws.String("db"), Type: types.LoadBalancerTypeEnumNetwork,
		Scheme: types.LoadBalancerSchemeEnumInternal, SubnetMappings: []types.SubnetMapping{{SubnetId: aws.String("subnet-a"), PrivateIPv4Address: aws.String("10.0.0.9")}}})
	f.must(err)
	lb := made.LoadBalancers[0]
	if !strings.HasPrefix(*lb.DNSName, "internal-db-") || len(lb.SecurityGroups) != 0 || *lb.AvailabilityZones[0].LoadBalancerAddresses[0].PrivateIPv4Address != "10.0.0.9" {
		t.Errorf("%+v", lb)
	}
	_, err = f.SetSecurityGroups(t.Context(), &sdk.SetSecurityGroupsInput{LoadBalancerArn: lb.LoadBalancerArn, SecurityGroups: []string{"sg-web"}})
	wantError(t, err, "InvalidConfigurationRequest", "You cannot set security groups for a Network Load Balancer that was created without security groups")
	set, err := f.SetSubnets(t.Context(), &sdk.SetSubnetsInput{LoadBalancerArn: lb.LoadBalancerArn, Subnets: []string{"subnet-a", "subnet-c"}})
	f.must(err)
	if len(set.AvailabilityZones) != 2 || *set.AvailabilityZones[0].LoadBalancerAddresses[0].PrivateIPv4Address != "10.0.0.9" {
		t.Errorf("%+v", set)
	}
	eventually(t, "the data path knows both addresses", func() bool {
		plain := f.plane.balancer(*lb.LoadBalancerArn)
		return plain != nil && len(plain.Addresses) == 2 && !plain.CrossZone
	})
}

func TestSetSubnetsAndSecurityGroups(t *testing.T) {
	f := newFixture(t)
	lb := f.application("web")
	before := f.network.all()
	_, err := f.SetSubnets(t.Context(), &sdk.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: []string{"subnet-b", "subnet-c"}})
	f.must(err)
	after := f.network.all()
	kept := 0
	for id := range before {
		if _, ok := after[id]; ok {
			kept++
		}
	}
	if kept != 1 || len(after) != 2 {
		t.Errorf("interfaces before %v, after %v", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	}
	set, err := f.SetSecurityGroups(t.Context(), &sdk.SetSecurityGroupsInput{LoadBalancerArn: &lb, SecurityGroups: []string{"sg-web"}})
	f.must(err)
	if set.SecurityGroupIds[0] != "sg-web" {
		t.Errorf("%+v", set)
	}
	for id, spec := range f.network.all() {
		if spec.SecurityGroups[0] != "sg-web" {
			t.Errorf("%s has %v", id, spec.SecurityGroups)
		}
	}
	_, err = f.SetSecurityGroups(t.Context(), &sdk.SetSecurityGroupsInput{LoadBalancerArn: &lb, SecurityGroups: []string{"sg-other"}})
	wantError(t, err, "InvalidConfigurationRequest", "One or more security groups are not in the same VPC as the load balancer: 'sg-other'")
}

func TestDeletionProtection(t *testing.T) {
	f := newFixture(t)
	lb := f.application("web")
	protect := func(value string) {
		t.Helper()
		_, err := f.ModifyLoadBalancerAttributes(t.Context(), &sdk.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &lb,
			Attributes: []types.LoadBalancerAttribute{{Key: aws.String("deletion_protection.enabled"), Value: &value}}})
		f.must(err)
	}
	protect("true")
	_, err := f.DeleteLoadBalancer(t.Context(), &sdk.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
	wantError(t, err, "OperationNotPermitted", "Load balancer '"+lb+"' cannot be deleted because deletion protection is enabled")
	protect("false")
	_, err = f.DeleteLoadBalancer(t.Context(), &sdk.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
	f.must(err)
}

func TestDeletingALoadBalancerDeletesWhatHangsOnIt(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	for port := range int32(2) {
		listener := f.listen(lb, group, 80+port)
		for priority := range int32(maxRules / 2) {
			f.rule(listener, group, "/a", priority+1)
		}
	}
	_, err := f.DeleteTargetGroup(t.Context(), &sdk.DeleteTargetGroupInput{TargetGroupArn: &group})
	wantError(t, err, "ResourceInUse", "Target group '"+group+"' is currently in use by a listener or a rule")
	eventually(t, "the data path knows the group", func() bool { return f.plane.group(group) != nil })
	_, err = f.DeleteLoadBalancer(t.Context(), &sdk.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
	f.must(err)
	if n := f.service.tables.rules.Len(here) + f.service.tables.listeners.Len(here); n > 0 {
		t.Errorf("%d listeners and rules are left", n)
	}
	eventually(t, "the data path forgets the group", func() bool { return f.plane.group(group) == nil })
	_, err = f.DeleteTargetGroup(t.Context(), &sdk.DeleteTargetGroupInput{TargetGroupArn: &group})
	f.must(err)
}

func TestDescribeLoadBalancers(t *testing.T) {
	f := newFixture(t)
	want := map[string]bool{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		want[f.application(name)] = true
	}
	var sizes []int
	for pages := sdk.NewDescribeLoadBalancersPaginator(f.Client, &sdk.DescribeLoadBalancersInput{PageSize: aws.Int32(2)}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		f.must(err)
		sizes = append(sizes, len(page.LoadBalancers))
		for _, lb := range page.LoadBalancers {
			delete(want, *lb.LoadBalancerArn)
		}
	}
	if !slices.Equal(sizes, []int{2, 2, 1}) || len(want) > 0 {
		t.Errorf("pages of %v, not seen %v", sizes, want)
	}
	_, err := f.DescribeLoadBalancers(t.Context(), &sdk.DescribeLoadBalancersInput{Names: []string{"a", "x"}})
	wantError(t, err, "LoadBalancerNotFound", "Load balancers '[x]' not found")
	_, err = f.DescribeLoadBalancers(t.Context(), &sdk.DescribeLoadBalancersInput{LoadBalancerArns: []string{"arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/x/0123456789abcdef"}})
	wantError(t, err, "LoadBalancerNotFound", "One or more load balancers not found")
	_, err = f.DescribeLoadBalancers(t.Context(), &sdk.DescribeLoadBalancersInput{LoadBalancerArns: []string{"web"}})
	wantError(t, err, "ValidationError", "'web' is not a valid load balancer ARN")
	_, err = f.DescribeLoadBalancers(t.Context(), &sdk.DescribeLoadBalancersInput{Marker: aws.String("x")})
	wantError(t, err, "ValidationError", "'x' is not a valid marker")
}

func TestAnUnknownStateIsProvisioning(t *testing.T) {
	f := newFixtureWith(t, Config{})
	f.service.config.Plane = nil
	if state := f.service.state(here, &loadBalancer{ID: "app/web/1"}); state.Code != balancer.Provisioning {
		t.Errorf("%+v", state)
	}
}
