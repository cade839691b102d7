package elb

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
)

func (f *fixture) register(group string, targets ...types.TargetDescription) {
	f.Helper()
	_, err := f.RegisterTargets(f.Context(), &sdk.RegisterTargetsInput{TargetGroupArn: &group, Targets: targets})
	f.must(err)
}

// health is how a group's targets are, as text.
func (f *fixture) health(group string, targets ...types.TargetDescription) string {
	f.Helper()
	out, err := f.DescribeTargetHealth(f.Context(), &sdk.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: targets})
	f.must(err)
	var all []string
	for _, d := range out.TargetHealthDescriptions {
		all = append(all, strings.TrimRight(fmt.Sprintf("%s:%d %s %s", *d.Target.Id, *d.Target.Port, d.TargetHealth.State, d.TargetHealth.Reason), " "))
	}
	return strings.Join(all, ", ")
}

func at(id string) types.TargetDescription { return types.TargetDescription{Id: &id} }

func TestATargetFromRegistrationToRemoval(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	f.register(group, at("10.0.0.5"))
	if got := f.health(group); got != "10.0.0.5:80 unused Target.NotInUse" {
		t.Error(got)
	}
	f.listen(lb, group, 80)
	if got := f.health(group); got != "10.0.0.5:80 initial Elb.RegistrationInProgress" {
		t.Error(got)
	}
	f.plane.set(group, "10.0.0.5", 80, balancer.Health{State: balancer.Unhealthy, Reason: balancer.ResponseCodeMismatch, Description: "Health checks failed with these codes: [502]"})
	out, err := f.DescribeTargetHealth(t.Context(), &sdk.DescribeTargetHealthInput{TargetGroupArn: &group})
	f.must(err)
	d := out.TargetHealthDescriptions[0]
	if d.TargetHealth.State != types.TargetHealthStateEnumUnhealthy || *d.TargetHealth.Description != "Health checks failed with these codes: [502]" ||
		*d.HealthCheckPort != "80" || *d.Target.AvailabilityZone != "eu-west-1a" {
		t.Errorf("%+v", d)
	}
	f.plane.set(group, "10.0.0.5", 80, balancer.Health{State: balancer.Healthy})
	f.must(sdk.NewTargetInServiceWaiter(f.Client, func(o *sdk.TargetInServiceWaiterOptions) { o.MinDelay, o.MaxDelay = 1, 2 }).
		Wait(t.Context(), &sdk.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: []types.TargetDescription{at("10.0.0.5")}}, 1e10))
	if got := f.health(group, at("10.0.0.5"), at("10.0.0.6")); got != "10.0.0.5:80 healthy, 10.0.0.6:80 unused Target.NotRegistered" {
		t.Error(got)
	}
	_, err = f.DeregisterTargets(t.Context(), &sdk.DeregisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{at("10.0.0.5"), at("10.0.0.6")}})
	f.must(err)
	if got := f.health(group); got != "10.0.0.5:80 draining Target.DeregistrationInProgress" {
		t.Error(got)
	}
	eventually(t, "the data path knows that the target drains", func() bool {
		g := f.plane.group(group)
		return g != nil && len(g.Targets) == 1 && !g.Targets[0].DrainingSince.IsZero()
	})
	_, err = f.ModifyTargetGroupAttributes(t.Context(), &sdk.ModifyTargetGroupAttributesInput{TargetGroupArn: &group, Attributes: []types.TargetGroupAttribute{
		{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("0")}}})
	f.must(err)
	eventually(t, "the target is gone when its delay is over", func() bool { return f.health(group) == "" })
	f.must(sdk.NewTargetDeregisteredWaiter(f.Client, func(o *sdk.TargetDeregisteredWaiterOptions) { o.MinDelay, o.MaxDelay = 1, 2 }).
		Wait(t.Context(), &sdk.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: []types.TargetDescription{at("10.0.0.5")}}, 1e10))
}

func TestTargetsThatCannotBe(t *testing.T) {
	f := newFixture(t)
	addresses := f.targets("addresses", types.ProtocolEnumHttp)
	made, err := f.CreateTargetGroup(t.Context(), &sdk.CreateTargetGroupInput{Name: aws.String("instances"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String(vpc)})
	f.must(err)
	instances := *made.TargetGroups[0].TargetGroupArn
	f.register(instances, types.TargetDescription{Id: aws.String("i-0123456789abcdef0"), Port: aws.Int32(32768)})
	if got := f.health(instances); got != "i-0123456789abcdef0:32768 unused Target.NotInUse" {
		t.Error(got)
	}
	tests := []struct {
		name, group   string
		target        types.TargetDescription
		code, message string
	}{
		{"what is no address", addresses, at("i-0123456789abcdef0"), "ValidationError", "The IP address 'i-0123456789abcdef0' is not a valid IPv4 address"},
		{"a public address", addresses, at("8.8.8.8"), "ValidationError",
			"The IP address '8.8.8.8' must be from the subnets of the VPC of the target group, or from the RFC 1918 or RFC 6598 range"},
		{"an address outside without all zones", addresses, at("192.168.0.1"), "ValidationError",
			"You must specify the Availability Zone 'all' for the IP address '192.168.0.1', which is outside the VPC of the target group"},
		{"another zone", addresses, types.TargetDescription{Id: aws.String("10.0.0.1"), AvailabilityZone: aws.String("eu-west-1b")}, "ValidationError",
			"The Availability Zone 'eu-west-1b' is not that of the IP address '10.0.0.1'"},
		{"what is no instance", instances, at("web"), "ValidationError", "Instance ID 'web' is not valid"},
		{"an instance that is not there", instances, at("i-0123456789abcdef1"), "InvalidTarget",
			"The following targets are not in a running state and cannot be registered: 'i-0123456789abcdef1'"},
		{"a zone of an instance", instances, types.TargetDescription{Id: aws.String("i-0123456789abcdef0"), AvailabilityZone: aws.String("eu-west-1b")}, "ValidationError",
			"You cannot specify an Availability Zone for targets of target type 'instance'"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := f.RegisterTargets(t.Context(), &sdk.RegisterTargetsInput{TargetGroupArn: &test.group, Targets: []types.TargetDescription{test.target}})
			wantError(t, err, test.code, test.message)
		})
	}
	var many []types.TargetDescription
	for n := range maxTargets + 1 {
		many = append(many, types.TargetDescription{Id: aws.String("10.0.0.1"), Port: aws.Int32(int32(n + 1))})
	}
	f.register(addresses, many[:maxTargets]...)
	f.register(addresses, many[:2]...) // they are registered already
	_, err = f.RegisterTargets(t.Context(), &sdk.RegisterTargetsInput{TargetGroupArn: &addresses, Targets: many[maxTargets:]})
	wantError(t, err, "TooManyTargets", "The maximum number of targets for target group '"+addresses+"' has been reached: 1000")
	_, err = f.DeregisterTargets(t.Context(), &sdk.DeregisterTargetsInput{TargetGroupArn: &addresses, Targets: []types.TargetDescription{at("10.0.0.1")}})
	f.must(err)
	if got := f.health(addresses); got != "" {
		t.Errorf("without a port all of them are deregistered: %s", got)
	}
}

func TestTargetsOfOtherZonesGetNoTraffic(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	f.listen(lb, group, 80)
	f.register(group, at("10.0.0.5"), at("10.0.32.5"), types.TargetDescription{Id: aws.String("192.168.0.1"), AvailabilityZone: aws.String("all")})
	eventually(t, "the data path has the targets of the zones", func() bool {
		g := f.plane.group(group)
		return g != nil && len(g.Targets) == 2
	})
	if got := f.health(group, at("10.0.32.5")); got != "10.0.32.5:80 unused Target.NotInUse" {
		t.Error(got)
	}
	_, err := f.SetSubnets(t.Context(), &sdk.SetSubnetsInput{LoadBalancerArn: &lb, Subnets: []string{"subnet-a", "subnet-b", "subnet-c"}})
	f.must(err)
	eventually(t, "the data path has all targets", func() bool { return len(f.plane.group(group).Targets) == 3 })
}

// tx runs fn in a transaction of its own.
func (f *fixture) tx(fn func(tx *store.Tx) error) {
	f.Helper()
	f.must(f.service.db.Update(f.Context(), fn))
}

func TestTasksAreRegisteredAndDrained(t *testing.T) {
	for _, idle := range []bool{false, true} {
		t.Run(fmt.Sprintf("ends when idle: %v", idle), func(t *testing.T) {
			f := newFixtureWith(t, Config{DrainIdle: idle})
			lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
			f.listen(lb, group, 80)
			register := func() {
				f.tx(func(tx *store.Tx) error { return f.service.RegisterTarget(tx, here, group, "10.0.0.5", 8080) })
			}
			deregister := func() {
				f.tx(func(tx *store.Tx) error { return f.service.DeregisterTarget(tx, here, group, "10.0.0.5", 8080) })
			}
			register()
			if f.service.Drained(here, group, "10.0.0.5", 8080) {
				t.Error("a registered target has drained")
			}
			deregister()
			register()
			if h := f.service.Health(here, group, "10.0.0.5", 8080); h.State != balancer.Initial {
				t.Errorf("registered again it is %+v", h)
			}
			rung := f.service.Drainings()
			deregister()
			f.plane.set(group, "10.0.0.5", 8080, balancer.Health{State: balancer.Draining, Connections: 1})
			if f.service.Drained(here, group, "10.0.0.5", 8080) {
				t.Error("a target with a connection has drained")
			}
			if idle {
				f.plane.set(group, "10.0.0.5", 8080, balancer.Health{State: balancer.Draining})
			} else {
				_, err := f.ModifyTargetGroupAttributes(t.Context(), &sdk.ModifyTargetGroupAttributesInput{TargetGroupArn: &group, Attributes: []types.TargetGroupAttribute{
					{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("0")}}})
				f.must(err)
			}
			select {
			case <-rung:
			case <-t.Context().Done():
			}
			if !f.service.Drained(here, group, "10.0.0.5", 8080) {
				t.Error("it has not drained")
			}
		})
	}
}

func TestATargetOfAGroupThatNobodyForwardsToIsGoneAtOnce(t *testing.T) {
	f := newFixture(t)
	group := f.targets("web", types.ProtocolEnumHttp)
	f.register(group, at("10.0.0.5"))
	f.tx(func(tx *store.Tx) error { return f.service.DeregisterTarget(tx, here, group, "10.0.0.5", 80) })
	if !f.service.Drained(here, group, "10.0.0.5", 80) || f.service.tables.targets.Len(here) != 0 {
		t.Error("it is still there")
	}
	missing := "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/x/0123456789abcdef"
	f.tx(func(tx *store.Tx) error { return f.service.DeregisterTarget(tx, here, missing, "10.0.0.5", 80) })
	if !f.service.Drained(here, missing, "10.0.0.5", 80) {
		t.Error("a target of no group has not drained")
	}
}

func TestTheTargetsOfADeletedGroupAreTakenAway(t *testing.T) {
	f := newFixture(t)
	group := f.targets("web", types.ProtocolEnumHttp)
	f.register(group, at("10.0.0.5"), at("10.0.0.6"))
	_, err := f.DeleteTargetGroup(t.Context(), &sdk.DeleteTargetGroupInput{TargetGroupArn: &group})
	f.must(err)
	eventually(t, "its targets are gone", func() bool { return f.service.tables.targets.Len(here) == 0 })
}

func TestTheDataPathIsToldInOrderAndOnlyWhatChanged(t *testing.T) {
	f := newFixture(t)
	lb, group := f.application("web"), f.targets("web", types.ProtocolEnumHttp)
	listener := f.listen(lb, group, 80)
	knows := func() bool {
		b := f.plane.balancer(lb)
		return b != nil && len(b.Listeners) == 1
	}
	eventually(t, "the data path knows the listener", knows)
	told := func() []string {
		f.plane.mu.Lock()
		defer f.plane.mu.Unlock()
		return slices.Clone(f.plane.told)
	}
	before := told()
	if g, b := slices.Index(before, "set group web"), slices.Index(before, "set balancer web"); g < 0 || len(before)-1 < g || b < 0 {
		t.Errorf("told %v", before)
	}
	if last := before[len(before)-1]; last != "set balancer web" {
		t.Errorf("the load balancer was told before its group: %v", before)
	}
	_, err := f.AddTags(t.Context(), &sdk.AddTagsInput{ResourceArns: []string{lb, group, listener}, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	f.must(err)
	f.register(group, at("10.0.0.5"))
	eventually(t, "the data path knows the target", func() bool { return len(f.plane.group(group).Targets) == 1 })
	if after := told()[len(before):]; !slices.Equal(after, []string{"set group web"}) {
		t.Errorf("tags and a target told %v", after)
	}
	_, err = f.DeleteLoadBalancer(t.Context(), &sdk.DeleteLoadBalancerInput{LoadBalancerArn: &lb})
	f.must(err)
	eventually(t, "the data path forgets the group", func() bool { return f.plane.group(group) == nil })
	if after := told()[len(before)+1:]; !slices.Equal(after, []string{"remove balancer", "remove group"}) {
		t.Errorf("a deletion told %v", after)
	}
}
