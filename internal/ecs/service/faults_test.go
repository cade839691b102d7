package service

import (
	"strings"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

// largest is the most rows that one commit may write: a batch takes transactions until it has 128, and the last one may have 256.
const largest = 384

func TestTasksThatAllTurnUnhealthyAtOnceAreReplaced(t *testing.T) {
	onStage(t, 2, func(s *stage) {
		s.define("one", "check")
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(300))})
		s.until("running", func() bool { return s.running("one") == 300 })
		all := func(says api.HealthStatus) {
			for _, task := range s.tasks() {
				if task.Status == ecs.Running && task.Stop == nil {
					s.healthSays(task, says)
				}
			}
		}
		all(api.HealthStatusHealthy)
		s.until("stable", s.stable)
		sick := map[string]bool{}
		for _, task := range s.tasks() {
			sick[task.ID] = true
		}
		all(api.HealthStatusUnhealthy)
		s.until("their replacements run", func() bool { return s.running("one") == 600 })
		for _, task := range s.tasks() {
			if !sick[task.ID] {
				s.healthSays(task, api.HealthStatusHealthy)
			}
		}
		s.until("stable", func() bool { return s.stable() && len(s.tasks()) == 300 })
		if !strings.Contains(s.events(), ") failed container health checks.") {
			t.Error(s.events())
		}
		if n := s.backend.largest.Load(); n > largest {
			t.Errorf("a commit of %d rows", n)
		}
	})
}

func TestTasksThatStartAndDieRollBack(t *testing.T) {
	onStage(t, 2, func(s *stage) {
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(2)), DeploymentConfiguration: &api.DeploymentConfiguration{
			DeploymentCircuitBreaker: &api.DeploymentCircuitBreaker{Enable: true, Rollback: true}}})
		s.until("stable", s.stable)
		s.behave = func(task *ecs.Task) behaviour {
			if task.Definition.Family == "two" {
				return behaviour{dies: 5 * time.Second}
			}
			return behaviour{}
		}
		s.update(api.UpdateServiceRequest{TaskDefinition: "two"})
		s.until("rolled back", func() bool { return s.last().Status == api.ServiceDeploymentStatusRollbackSuccessful && s.stable() })
		if d := s.last(); s.running("one") != 2 || d.DeploymentCircuitBreaker.Status != api.ServiceDeploymentRollbackMonitorsStatusTriggered ||
			d.DeploymentCircuitBreaker.FailureCount < 3 || d.DeploymentCircuitBreaker.Threshold != 3 {
			t.Errorf("%+v %s", d.DeploymentCircuitBreaker, s.list())
		}
	})
}

// A task that turns unhealthy and healthy again gets company, and one of the two goes when both are well.
func TestTasksThatFlap(t *testing.T) {
	onStage(t, 1, func(s *stage) {
		s.define("one", "check")
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(1))})
		s.until("running", func() bool { return s.running("one") == 1 })
		s.healthSays(s.tasks()[0], api.HealthStatusHealthy)
		for range 5 {
			s.until("stable", func() bool { return s.stable() && len(s.tasks()) == 1 })
			s.healthSays(s.tasks()[0], api.HealthStatusUnhealthy)
			s.until("another beside it", func() bool { return s.running("one") == 2 })
			for _, task := range s.tasks() {
				s.healthSays(task, api.HealthStatusHealthy)
			}
			s.until("one of them goes", func() bool { return len(s.tasks()) == 1 })
		}
		if s.most > 2 {
			t.Errorf("%d at most", s.most)
		}
	})
}

func TestUpdateDuringADeployment(t *testing.T) {
	onStage(t, 2, func(s *stage) {
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(4))})
		s.until("stable", s.stable)
		s.update(api.UpdateServiceRequest{TaskDefinition: "two"})
		first := s.web().CurrentServiceDeployment
		s.until("under way", func() bool { return s.running("two") > 0 })
		s.update(api.UpdateServiceRequest{TaskDefinition: "one"})
		s.until("stable", s.stable)
		if s.running("one") != 4 || len(s.tasks()) != 4 || s.most > 8 {
			t.Errorf("%d at most: %s", s.most, s.list())
		}
		out, err := s.at().DescribeServiceDeployments(s.ctx, &api.DescribeServiceDeploymentsRequest{ServiceDeploymentArns: []string{first}})
		s.must(out, err)
		d := out.ServiceDeployments[0]
		if d.Status != api.ServiceDeploymentStatusStopped || d.FinishedAt.IsZero() || d.DeploymentCircuitBreaker.Status != api.ServiceDeploymentRollbackMonitorsStatusDisabled ||
			d.TargetServiceRevision.RequestedTaskCount != 4 || d.TargetServiceRevision.RunningTaskCount == 0 {
			t.Errorf("the first one: %+v, target %+v, breaker %+v", d, d.TargetServiceRevision, d.DeploymentCircuitBreaker)
		}
	})
}

func TestDeleteDuringADeployment(t *testing.T) {
	onStage(t, 2, func(s *stage) {
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(3)), DeploymentConfiguration: &api.DeploymentConfiguration{
			DeploymentCircuitBreaker: &api.DeploymentCircuitBreaker{Enable: true, Rollback: true}}})
		s.until("stable", s.stable)
		s.update(api.UpdateServiceRequest{TaskDefinition: "two"})
		s.until("under way", func() bool { return s.running("two") > 0 })
		s.must(s.at().DeleteService(s.ctx, &api.DeleteServiceRequest{Service: "web", Force: new(true)}))
		s.until("inactive", func() bool { return s.web().Status == Inactive })
		if len(s.tasks()) > 0 {
			t.Error(s.list())
		}
		if d := s.last(); d.Status != api.ServiceDeploymentStatusStopped || d.DeploymentCircuitBreaker.Status != api.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete {
			t.Errorf("%+v %+v", d, d.DeploymentCircuitBreaker)
		}
		if text := "(service web) has stopped "; !strings.Contains(s.events(), text) {
			t.Errorf("no event %q in\n%s", text, s.events())
		}
	})
}

// The machines go, with all that ran on them, and others come.
func TestCapacityGoneAndBack(t *testing.T) {
	onStage(t, 2, func(s *stage) {
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(3))})
		s.until("stable", s.stable)
		s.mu.Lock()
		gone := s.machines
		s.machines = nil
		s.mu.Unlock()
		for _, id := range gone {
			s.must(s.at().ecs.DeregisterContainerInstance(s.ctx, &api.DeregisterContainerInstanceRequest{ContainerInstance: id, Force: new(true)}))
		}
		s.until("told", func() bool {
			return strings.Contains(s.events(), "Reason: No Container Instances were found in your cluster.")
		})
		time.Sleep(time.Hour)
		s.machine()
		s.until("stable", func() bool { return s.stable() && s.running("one") == 3 })
	})
}

func TestProtectedTasksOutliveADeployment(t *testing.T) {
	onStage(t, 2, func(s *stage) {
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(2))})
		s.until("stable", s.stable)
		spared := s.tasks()[0].ID
		s.must(s.at().ecs.UpdateTaskProtection(s.ctx, &api.UpdateTaskProtectionRequest{Cluster: "default", Tasks: []string{spared}, ProtectionEnabled: true, ExpiresInMinutes: new(int32(30))}))
		s.update(api.UpdateServiceRequest{TaskDefinition: "two"})
		s.until("the other is replaced", func() bool { return s.running("two") == 2 && s.running("one") == 1 && len(s.tasks()) == 3 })
		began := time.Now()
		if s.stable() || s.tasks()[0].ID != spared && s.running("one") != 1 {
			t.Error(s.list())
		}
		s.until("stable", s.stable)
		if took := time.Since(began); took < 25*time.Minute || took > 31*time.Minute {
			t.Errorf("its protection ended after %v", took)
		}
	})
}

// An update ends the back-off of starts that failed, and what it has grown to.
func TestAnUpdateBeginsTheBackOffAnew(t *testing.T) {
	onStage(t, 1, func(s *stage) {
		s.behave = func(*ecs.Task) behaviour { return behaviour{fails: true} }
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(1))})
		waves := func() (n int32, until time.Time) {
			row, _ := s.at().Services.Get(here, "default/web")
			return row.Value.Rollouts[0].Waves, row.Value.Rollouts[0].NoStartBefore
		}
		s.until("a back-off of minutes", func() bool { n, _ := waves(); return n >= 10 })
		s.update(api.UpdateServiceRequest{DesiredCount: new(int32(2))})
		time.Sleep(10 * time.Second)
		if n, until := waves(); n >= 10 || time.Until(until) > 20*time.Second {
			t.Errorf("%d waves, the next start in %v", n, time.Until(until))
		}
	})
}
