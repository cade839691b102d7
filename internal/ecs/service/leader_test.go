package service

import (
	"fmt"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

// Whenever the lead changes, the other goes on where the one before stopped: nothing is done twice, nothing is left. The lead changes after
// each of the commits of a service's life, from its creation to the end of a deployment.
func TestLeaderChangeAtEveryStep(t *testing.T) {
	for name, life := range map[string]func(*stage){"rolled back": rolledBack, "blue green with a pause": pausedBlueGreen, "canary": canary, "daemon": daemonRolled} {
		t.Run(name, func(t *testing.T) {
			for step, changed := int64(1), true; changed; step++ {
				t.Run(fmt.Sprint(step), func(t *testing.T) { changed = leaderChange(t, step, life) })
				if step == 10 && !changed {
					t.Error("all was over after ten commits")
				}
			}
		})
	}
}

// leaderChange tells whether the lead has changed before all was over.
func leaderChange(t *testing.T, step int64, life func(*stage)) (changed bool) {
	onStage(t, 2, func(s *stage) {
		last := s.backend.commits.Load() + step
		change, over := make(chan struct{}), make(chan struct{})
		s.backend.after = func(commit int64) {
			if commit == last {
				close(change)
			}
		}
		taken := make(chan bool, 1)
		s.over.Go(func() {
			select {
			case <-change:
				s.lead()
				taken <- true
			case <-over:
				taken <- false
			}
		})
		life(s)
		close(over)
		changed = <-taken
	})
	return changed
}

// rolledBack is a deployment whose tasks don't start.
func rolledBack(s *stage) {
	s.behave = func(task *ecs.Task) behaviour { return behaviour{fails: task.Definition.Family == "two"} }
	s.create(api.CreateServiceRequest{DesiredCount: new(int32(3)), DeploymentConfiguration: &api.DeploymentConfiguration{
		DeploymentCircuitBreaker: &api.DeploymentCircuitBreaker{Enable: true, Rollback: true}}})
	s.until("stable", s.stable)
	s.update(api.UpdateServiceRequest{TaskDefinition: "two"})
	s.until("rolled back", func() bool {
		d, err := s.at().ListServiceDeployments(s.ctx, &api.ListServiceDeploymentsRequest{Service: "web"})
		return err == nil && s.stable() && d.ServiceDeployments[0].Status == api.ServiceDeploymentStatusRollbackSuccessful
	})
	if len(s.tasks()) != 3 || s.running("one") != 3 || s.most > 6 {
		s.t.Errorf("%d at most: %s", s.most, s.list())
	}
}

// pausedBlueGreen is a deployment that somebody continues.
func pausedBlueGreen(s *stage) {
	s.behind(api.DeploymentConfiguration{Strategy: api.DeploymentStrategyBlueGreen, BakeTimeInMinutes: new(int32(1)),
		LifecycleHooks: []api.DeploymentLifecycleHook{{TargetType: api.DeploymentLifecycleHookTargetTypePause,
			LifecycleStages: []api.DeploymentLifecycleHookStage{api.DeploymentLifecycleHookStagePostTestTrafficShift}}}})
	s.answer() // the first deployment asks too
	s.until("stable", s.stable)
	s.update(api.UpdateServiceRequest{TaskDefinition: "two"})
	s.answer()
	s.until("stable", s.stable)
	s.shifted()
}

// canary is a deployment that shifts the traffic in two steps.
func canary(s *stage) {
	s.behind(api.DeploymentConfiguration{Strategy: api.DeploymentStrategyCanary, BakeTimeInMinutes: new(int32(0)),
		CanaryConfiguration: &api.CanaryConfiguration{CanaryPercent: new(10.0), CanaryBakeTimeInMinutes: new(int32(1))}})
	s.until("stable", s.stable)
	s.update(api.UpdateServiceRequest{TaskDefinition: "two"})
	s.until("the canary", func() bool { return s.weight(production, green) == 10 })
	began := time.Now()
	s.until("all of it", func() bool { return s.weight(production, green) == 100 })
	if took := time.Since(began); took < 59*time.Second || took > 2*time.Minute {
		s.t.Errorf("the canary was alone for %v", took)
	}
	s.until("stable", s.stable)
	s.shifted()
}

// daemonRolled is a deployment of a task on each instance.
func daemonRolled(s *stage) {
	s.create(api.CreateServiceRequest{SchedulingStrategy: api.SchedulingStrategyDaemon})
	s.until("stable", func() bool { return s.stable() && s.running("one") == 2 })
	s.update(api.UpdateServiceRequest{TaskDefinition: "two"})
	s.until("rolled", func() bool { return s.stable() && s.running("two") == 2 })
	on := map[string]bool{}
	for _, task := range s.tasks() {
		on[task.Instance] = true
	}
	if len(on) != 2 || len(s.tasks()) != 2 || s.most != 2 {
		s.t.Errorf("%d at most: %s", s.most, s.list())
	}
}

// behind makes the service web of three tasks behind the listener rules.
func (s *stage) behind(c api.DeploymentConfiguration) {
	s.t.Helper()
	s.create(api.CreateServiceRequest{DesiredCount: new(int32(3)), DeploymentConfiguration: &c, LoadBalancers: []api.LoadBalancer{{
		TargetGroupArn: blue, ContainerName: "app", ContainerPort: new(int32(80)),
		AdvancedConfiguration: &api.AdvancedConfiguration{AlternateTargetGroupArn: green, ProductionListenerRule: production, TestListenerRule: trial, RoleArn: "arn:aws:iam::000000000000:role/ecs"}}}})
}

// answer waits until the newest deployment pauses, and has it go on.
func (s *stage) answer() {
	s.t.Helper()
	s.until("pauses", s.pauses)
	d := s.last()
	s.must(s.at().ContinueServiceDeployment(s.ctx, &api.ContinueServiceDeploymentRequest{ServiceDeploymentArn: d.ServiceDeploymentArn, HookId: d.LifecycleHookDetails[0].HookId}))
}

// pauses tells whether the newest deployment waits for somebody.
func (s *stage) pauses() bool {
	hooks := s.last().LifecycleHookDetails
	return len(hooks) == 1 && hooks[0].Status == api.DeploymentLifecycleHookStatusAwaitingAction
}

func (s *stage) weight(rule, group string) int {
	weights, err := s.at().balancers.RuleGroups(here, rule)
	s.must(weights, err)
	return weights[group]
}

// shifted is what has become of a deployment that shifted the traffic.
func (s *stage) shifted() {
	s.t.Helper()
	b := s.now.Load().balancers.(*balancer)
	if len(s.tasks()) != 3 || s.running("two") != 3 || s.most > 6 || b.registered(blue) != 0 || b.registered(green) != 3 ||
		s.weight(production, green) != 100 || s.weight(trial, green) != 100 || s.weight(production, blue) != 0 {
		s.t.Errorf("%d at most, %d in blue, %d in green: %s", s.most, b.registered(blue), b.registered(green), s.list())
	}
	if d := s.last(); d.Status != api.ServiceDeploymentStatusSuccessful {
		s.t.Errorf("%+v", d)
	}
}
