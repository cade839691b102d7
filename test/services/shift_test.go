package services

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/berth-dev/berth/test/berthtest"
)

// shifted is a service whose deployments shift the traffic.
type shifted struct {
	*world
	name             string
	blue, green      string // target groups
	production, test string // listener rules
	url, testURL     string
}

// shifted makes a service of two tasks of web between two target groups.
func (w *world) shifted(name string, c types.DeploymentConfiguration) *shifted {
	w.t.Helper()
	s := &shifted{world: w, name: name, blue: w.group(name + "-blue"), green: w.group(name + "-green")}
	lb := w.balancer(name)
	rule := func(port int32) string {
		listener := w.listen(lb, port, []elbtypes.Action{{Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: aws.String("404")}}})
		out := must(w.elb.CreateRule(w.t.Context(), &elb.CreateRuleInput{ListenerArn: &listener, Priority: aws.Int32(1), Actions: forward(s.blue, s.green),
			Conditions: []elbtypes.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/*"}}}}))(w)
		return aws.ToString(out.Rules[0].RuleArn)
	}
	s.production, s.test = rule(80), rule(9001)
	s.url, s.testURL = w.url(lb, 80), w.url(lb, 9001)
	w.service(ecs.CreateServiceInput{ServiceName: &name, TaskDefinition: aws.String(w.define()), DesiredCount: aws.Int32(2), DeploymentConfiguration: &c,
		LoadBalancers: []types.LoadBalancer{{TargetGroupArn: &s.blue, ContainerName: aws.String("web"), ContainerPort: aws.Int32(8080),
			AdvancedConfiguration: &types.AdvancedConfiguration{AlternateTargetGroupArn: &s.green, ProductionListenerRule: &s.production, TestListenerRule: &s.test,
				RoleArn: aws.String("arn:aws:iam::000000000000:role/ecs")}}}})
	return s
}

// newest is the service's newest deployment.
func (s *shifted) newest() types.ServiceDeployment {
	s.t.Helper()
	listed := must(s.ecs.ListServiceDeployments(s.t.Context(), &ecs.ListServiceDeploymentsInput{Service: &s.name}))(s.world)
	out := must(s.ecs.DescribeServiceDeployments(s.t.Context(), &ecs.DescribeServiceDeploymentsInput{
		ServiceDeploymentArns: []string{aws.ToString(listed.ServiceDeployments[0].ServiceDeploymentArn)}}))(s.world)
	return out.ServiceDeployments[0]
}

// until waits until the newest deployment has a status.
func (s *shifted) until(status types.ServiceDeploymentStatus) types.ServiceDeployment {
	s.t.Helper()
	var d types.ServiceDeployment
	berthtest.Eventually(s.t, 3*time.Minute, "the deployment is "+string(status), func() bool { d = s.newest(); return d.Status == status })
	return d
}

// answer answers the hook that the newest deployment waits for, once it does.
func (s *shifted) answer(action types.DeploymentLifecycleHookAction) {
	s.t.Helper()
	var d types.ServiceDeployment
	berthtest.Eventually(s.t, time.Minute, "the deployment pauses", func() bool {
		d = s.newest()
		return len(d.LifecycleHookDetails) > 0 && d.LifecycleHookDetails[0].Status == types.DeploymentLifecycleHookStatusAwaitingAction
	})
	must(s.ecs.ContinueServiceDeployment(s.t.Context(), &ecs.ContinueServiceDeploymentInput{ServiceDeploymentArn: d.ServiceDeploymentArn,
		HookId: d.LifecycleHookDetails[0].HookId, Action: action}))(s.world)
}

// wantWeights checks by what weights a rule forwards to blue and green.
func (s *shifted) wantWeights(rule string, blue, green int32) {
	s.t.Helper()
	out := must(s.elb.DescribeRules(s.t.Context(), &elb.DescribeRulesInput{RuleArns: []string{rule}}))(s.world)
	got := map[string]int32{}
	for _, g := range out.Rules[0].Actions[0].ForwardConfig.TargetGroups {
		got[aws.ToString(g.TargetGroupArn)] = aws.ToInt32(g.Weight)
	}
	if want := map[string]int32{s.blue: blue, s.green: green}; !maps.Equal(got, want) {
		s.t.Errorf("the rule forwards by %v, want %v", got, want)
	}
}

// deploy deploys the service anew.
func (s *shifted) deploy() {
	s.t.Helper()
	must(s.ecs.UpdateService(s.t.Context(), &ecs.UpdateServiceInput{Service: &s.name, ForceNewDeployment: true}))(s.world)
}

// TestBlueGreen continues a blue/green deployment that pauses before the production traffic is shifted, and rolls another back.
func TestBlueGreen(t *testing.T) {
	w := start(t)
	s := w.shifted("web", types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: aws.Int32(0),
		LifecycleHooks: []types.DeploymentLifecycleHook{{TargetType: types.DeploymentLifecycleHookTargetTypePause,
			LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostTestTrafficShift}}}})
	s.answer(types.DeploymentLifecycleHookActionContinue)
	s.until(types.ServiceDeploymentStatusSuccessful)
	first := w.stable("web")
	w.reach(s.url)
	l := pound(s.url, 100)

	s.deploy()
	berthtest.Eventually(t, time.Minute, "it pauses", func() bool {
		return s.newest().LifecycleStage == types.ServiceDeploymentLifecycleStagePostTestTrafficShift
	})
	s.wantWeights(s.production, 100, 0)
	s.wantWeights(s.test, 0, 100)
	tested := pound(s.testURL, 20)
	berthtest.Eventually(t, time.Minute, "the test listener answers from both new tasks", func() bool { return len(tested.from()) == 2 })
	for _, task := range tested.from() {
		if slices.Contains(l.from(), task) {
			t.Errorf("task %s has production traffic already", task)
		}
	}
	tested.end()
	s.answer(types.DeploymentLifecycleHookActionContinue)
	s.until(types.ServiceDeploymentStatusSuccessful)
	s.wantWeights(s.production, 0, 100)
	second := w.stable("web")
	if aws.ToString(first.Deployments[0].Id) == aws.ToString(second.Deployments[0].Id) {
		t.Errorf("the deployment is still %s", aws.ToString(second.Deployments[0].Id))
	}

	s.deploy()
	s.answer(types.DeploymentLifecycleHookActionRollback)
	d := s.until(types.ServiceDeploymentStatusRollbackSuccessful)
	if d.Rollback == nil || aws.ToString(d.StatusReason) == "" {
		t.Errorf("it was rolled back: %+v", d)
	}
	s.wantWeights(s.production, 0, 100)
	s.wantWeights(s.test, 0, 100)
	if third := w.stable("web"); aws.ToString(third.Deployments[0].Id) != aws.ToString(second.Deployments[0].Id) {
		t.Errorf("after the rollback %s runs, want %s", aws.ToString(third.Deployments[0].Id), aws.ToString(second.Deployments[0].Id))
	}
	if answered, failed := l.end(); len(failed) > 0 || answered == 0 {
		t.Errorf("%d requests were answered; failed: %v", answered, failed)
	}
}

// TestCanary shifts five percent of the traffic, and all of it a minute later.
func TestCanary(t *testing.T) {
	w := start(t)
	s := w.shifted("web", types.DeploymentConfiguration{Strategy: types.DeploymentStrategyCanary, BakeTimeInMinutes: aws.Int32(0),
		CanaryConfiguration: &types.CanaryConfiguration{CanaryPercent: aws.Float64(5), CanaryBakeTimeInMinutes: aws.Int32(1)}})
	s.until(types.ServiceDeploymentStatusSuccessful)
	w.stable("web")
	w.reach(s.url)
	l := pound(s.url, 200)
	s.deploy()
	berthtest.Eventually(t, time.Minute, "the canary has its traffic", func() bool {
		return s.newest().LifecycleStage == types.ServiceDeploymentLifecycleStageProductionTrafficShift
	})
	s.wantWeights(s.production, 95, 5)
	if d := s.newest(); aws.ToFloat64(d.TargetServiceRevision.RequestedProductionTrafficWeight) != 5 {
		t.Errorf("its target: %+v", d.TargetServiceRevision)
	}
	berthtest.Eventually(t, 30*time.Second, "both of the new tasks answer", func() bool { return len(l.from()) == 4 })
	s.until(types.ServiceDeploymentStatusSuccessful)
	s.wantWeights(s.production, 0, 100)
	if answered, failed := l.end(); len(failed) > 0 || answered == 0 {
		t.Errorf("%d requests were answered; failed: %v", answered, failed)
	}
}
