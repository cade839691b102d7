// Package services runs services of real containers behind load balancers through the whole program, as their users do: by the
// API, and by requests that none of may fail. It has a host of its own: the load balancers' ports are free there.
package services

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/berth-dev/berth/test/berthtest"
)

func TestMain(m *testing.M) { berthtest.OnOwnHost(m) }

// world is a Berth with a cluster, and clients of it.
type world struct {
	*berthtest.Berth
	t       *testing.T
	ecs     *ecs.Client
	elb     *elb.Client
	vpc     string
	subnets []string
}

func start(t *testing.T, args ...string) *world {
	t.Helper()
	b := berthtest.Start(t, append([]string{"--fast"}, args...)...)
	sdk := b.SDK()
	w := &world{Berth: b, t: t, ecs: ecs.NewFromConfig(sdk), elb: elb.NewFromConfig(sdk)}
	subnets := must(ec2.NewFromConfig(sdk).DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{}))(w)
	for _, s := range subnets.Subnets {
		w.vpc = aws.ToString(s.VpcId)
		w.subnets = append(w.subnets, aws.ToString(s.SubnetId))
	}
	must(w.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{}))(w)
	return w
}

// must is the answer of a call, which fails the test when it fails.
func must[T any](answer T, err error) func(*world) T {
	return func(w *world) T {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
		return answer
	}
}

// define registers a revision of the family web whose tasks say hello, or do as they are told.
func (w *world) define(command ...string) string {
	w.t.Helper()
	out := must(w.ecs.RegisterTaskDefinition(w.t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("web"), NetworkMode: types.NetworkModeAwsvpc, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		Cpu: aws.String("256"), Memory: aws.String("512"), ExecutionRoleArn: aws.String("arn:aws:iam::000000000000:role/execution"),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("web"), Image: aws.String("berth/hello"), Command: command, PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8080)}},
			HealthCheck: &types.HealthCheck{Command: []string{"CMD", "/hello", "health"}, Interval: aws.Int32(5), Retries: aws.Int32(2)},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": "/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "w", "awslogs-create-group": "true"}},
		}},
	}))(w)
	return fmt.Sprintf("web:%d", out.TaskDefinition.Revision)
}

// group makes a target group that looks at its targets often.
func (w *world) group(name string) string {
	w.t.Helper()
	out := must(w.elb.CreateTargetGroup(w.t.Context(), &elb.CreateTargetGroupInput{Name: aws.String(name), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(8080),
		VpcId: &w.vpc, TargetType: elbtypes.TargetTypeEnumIp, HealthCheckPath: aws.String("/health"), HealthCheckIntervalSeconds: aws.Int32(5),
		HealthCheckTimeoutSeconds: aws.Int32(2), HealthyThresholdCount: aws.Int32(2)}))(w)
	return aws.ToString(out.TargetGroups[0].TargetGroupArn)
}

// balancer makes a load balancer, and returns its ARN.
func (w *world) balancer(name string) string {
	w.t.Helper()
	out := must(w.elb.CreateLoadBalancer(w.t.Context(), &elb.CreateLoadBalancerInput{Name: &name, Subnets: w.subnets}))(w)
	return aws.ToString(out.LoadBalancers[0].LoadBalancerArn)
}

// forward forwards to target groups: all to the first.
func forward(groups ...string) []elbtypes.Action {
	var to []elbtypes.TargetGroupTuple
	for i, g := range groups {
		to = append(to, elbtypes.TargetGroupTuple{TargetGroupArn: aws.String(g), Weight: aws.Int32(int32(max(0, 1-i)))})
	}
	return []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, ForwardConfig: &elbtypes.ForwardActionConfig{TargetGroups: to}}}
}

// listen makes a listener of a load balancer, and returns its ARN.
func (w *world) listen(balancer string, port int32, actions []elbtypes.Action) string {
	w.t.Helper()
	out := must(w.elb.CreateListener(w.t.Context(), &elb.CreateListenerInput{LoadBalancerArn: &balancer, Protocol: elbtypes.ProtocolEnumHttp, Port: &port,
		DefaultActions: actions}))(w)
	return aws.ToString(out.Listeners[0].ListenerArn)
}

// url is where this machine reaches a port of a load balancer.
func (w *world) url(balancer string, port int32) string {
	w.t.Helper()
	out := must(w.elb.DescribeLoadBalancers(w.t.Context(), &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{balancer}}))(w)
	return fmt.Sprintf("http://%s:%d/", aws.ToString(out.LoadBalancers[0].DNSName), port)
}

// service makes a service of web behind a target group.
func (w *world) service(in ecs.CreateServiceInput) {
	w.t.Helper()
	in.LaunchType = types.LaunchTypeFargate
	in.NetworkConfiguration = &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: w.subnets}}
	must(w.ecs.CreateService(w.t.Context(), &in))(w)
}

func (w *world) describe(name string) types.Service {
	w.t.Helper()
	out := must(w.ecs.DescribeServices(w.t.Context(), &ecs.DescribeServicesInput{Services: []string{name}}))(w)
	if len(out.Services) != 1 {
		w.t.Fatalf("service %s: %+v", name, out.Failures)
	}
	return out.Services[0]
}

// stable waits until a service has reached a steady state.
func (w *world) stable(name string) types.Service {
	w.t.Helper()
	var s types.Service
	berthtest.Eventually(w.t, 2*time.Minute, "service "+name+" is stable", func() bool {
		s = w.describe(name)
		return len(s.Deployments) == 1 && s.RunningCount == s.DesiredCount && s.Deployments[0].RolloutState == types.DeploymentRolloutStateCompleted
	})
	return s
}

// told tells whether a service has an event that holds a text.
func told(s types.Service, text string) bool {
	return slices.ContainsFunc(s.Events, func(e types.ServiceEvent) bool { return strings.Contains(aws.ToString(e.Message), text) })
}

// tasks are the ARNs of a service's tasks that should run.
func (w *world) tasks(name string) []string {
	w.t.Helper()
	return must(w.ecs.ListTasks(w.t.Context(), &ecs.ListTasksInput{ServiceName: &name}))(w).TaskArns
}
