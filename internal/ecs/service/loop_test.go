package service

import (
	"strings"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

func TestServiceOfThree(t *testing.T) {
	onStage(t, 2, func(s *stage) {
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(3))})
		s.until("stable", s.stable)
		if s.running("one") != 3 || s.most != 3 {
			t.Fatalf("%d at most: %s", s.most, s.list())
		}
		first := s.web().Deployments[0].Id
		for _, text := range []string{"has started 3 tasks: (task ", "(deployment " + first + ") deployment completed.", "has reached a steady state."} {
			if !strings.Contains(s.events(), "(service web) "+text) {
				t.Errorf("no event %q in\n%s", text, s.events())
			}
		}
		revision, _ := s.at().DescribeServiceRevisions(s.ctx, &api.DescribeServiceRevisionsRequest{ServiceRevisionArns: []string{s.web().CurrentServiceRevisions[0].Arn}})
		if images := revision.ServiceRevisions[0].ContainerImages; len(images) != 1 || images[0].ImageDigest != "sha256:1" {
			t.Errorf("images %+v", images)
		}
		// It has nothing more to do.
		n := s.backend.commits.Load()
		time.Sleep(5 * time.Hour)
		if now := s.backend.commits.Load(); now > n+1 {
			t.Errorf("%d commits in five hours of rest", now-n)
		}
	})
}

func TestKilledTaskIsReplacedAtOnce(t *testing.T) {
	onStage(t, 1, func(s *stage) {
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(2))})
		s.until("stable", s.stable)
		for range 3 {
			began := time.Now()
			s.must(s.at().ecs.StopTask(s.ctx, &api.StopTaskRequest{Task: s.tasks()[0].ID}))
			s.until("replaced", func() bool { return s.running("one") == 2 && len(s.tasks()) == 2 })
			if took := time.Since(began); took > 500*time.Millisecond {
				t.Errorf("replaced after %v", took)
			}
		}
	})
}

func TestUpdateRollsAndABadOneRollsBack(t *testing.T) {
	onStage(t, 2, func(s *stage) {
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(3)), DeploymentConfiguration: &api.DeploymentConfiguration{
			DeploymentCircuitBreaker: &api.DeploymentCircuitBreaker{Enable: true, Rollback: true}}})
		s.until("stable", s.stable)
		s.update(api.UpdateServiceRequest{TaskDefinition: "two"})
		s.until("stable", s.stable)
		if s.running("two") != 3 || len(s.tasks()) != 3 || s.most != 6 {
			t.Fatalf("%d at most: %s", s.most, s.list())
		}
		good := s.web().Deployments[0].Id
		s.behave = func(task *ecs.Task) behaviour { return behaviour{fails: task.Definition.Family == "one"} }
		s.update(api.UpdateServiceRequest{TaskDefinition: "one"})
		bad := s.web().Deployments[0].Id
		s.until("rolled back", func() bool { return s.stable() && s.web().Deployments[0].Id == good })
		for _, text := range []string{"(deployment " + bad + ") deployment failed: tasks failed to start.", "rolling back to deployment " + good + "."} {
			if !strings.Contains(s.events(), "(service web) "+text) {
				t.Errorf("no event %q in\n%s", text, s.events())
			}
		}
		d, _ := s.at().ListServiceDeployments(s.ctx, &api.ListServiceDeploymentsRequest{Service: "web"})
		if got := d.ServiceDeployments[0]; got.Status != api.ServiceDeploymentStatusRollbackSuccessful {
			t.Errorf("the deployment is %+v", got)
		}
	})
}

func TestUnhealthyTaskIsReplacedFirst(t *testing.T) {
	onStage(t, 1, func(s *stage) {
		s.define("one", "check")
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(1))})
		s.until("running", func() bool { return s.running("one") == 1 })
		time.Sleep(2 * time.Minute)
		if s.stable() {
			t.Error("a task whose checks have said nothing is healthy")
		}
		sick := s.tasks()[0]
		s.healthSays(sick, api.HealthStatusHealthy)
		s.until("stable", s.stable)
		s.healthSays(sick, api.HealthStatusUnhealthy)
		s.until("two of them", func() bool { return s.running("one") == 2 })
		for _, task := range s.tasks() {
			if task.ID != sick.ID {
				s.healthSays(task, api.HealthStatusHealthy)
			}
		}
		s.until("stable", s.stable)
		row, _ := s.at().ecs.Tasks.Get(here, sick.ID)
		if row.Value.Stop == nil || row.Value.Stop.Reason != "Task failed container health checks" || row.Value.Stop.Code != api.TaskStopCodeServiceSchedulerInitiated {
			t.Errorf("stopped because of %+v", row.Value.Stop)
		}
		if !strings.Contains(s.events(), "(service web) (task "+sick.ID+") failed container health checks.") {
			t.Error(s.events())
		}
	})
}

func TestDeletedServiceDrainsAndIsInactive(t *testing.T) {
	onStage(t, 1, func(s *stage) {
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(60))})
		s.until("running", func() bool { return s.running("one") == 60 })
		s.must(s.at().DeleteService(s.ctx, &api.DeleteServiceRequest{Service: "web", Force: new(true)}))
		s.until("inactive", func() bool { return s.web().Status == Inactive })
		if len(s.tasks()) > 0 {
			t.Error(s.list())
		}
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(1))})
		s.until("another of its name is stable", s.stable)
	})
}

func TestCapacityThatComesLater(t *testing.T) {
	onStage(t, 0, func(s *stage) {
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(2))})
		const none = "(service web) was unable to place a task because no container instance met all of its requirements. " +
			"Reason: No Container Instances were found in your cluster. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
		s.until("told", func() bool { return strings.Contains(s.events(), none) })
		time.Sleep(10 * time.Minute)
		if n := strings.Count(s.events(), "unable to place"); n != 1 {
			t.Errorf("told %d times", n)
		}
		s.cpu = 100
		s.machine()
		s.until("one runs", func() bool { return s.running("one") == 1 })
		began := time.Now()
		s.machine()
		s.until("stable", s.stable)
		if took := time.Since(began); took > 45*time.Second {
			t.Errorf("it took %v until the room was used", took)
		}
	})
}

func TestDaemonIsOnEveryInstance(t *testing.T) {
	onStage(t, 2, func(s *stage) {
		s.create(api.CreateServiceRequest{SchedulingStrategy: api.SchedulingStrategyDaemon})
		s.until("stable", func() bool { return s.stable() && s.running("one") == 2 && s.web().DesiredCount == 2 })
		added := s.machine()
		s.until("on the third", func() bool { return s.stable() && s.running("one") == 3 })
		s.update(api.UpdateServiceRequest{TaskDefinition: "two"})
		s.until("rolled", func() bool { return s.stable() && s.running("two") == 3 })
		if s.most != 3 {
			t.Errorf("%d tasks at most", s.most)
		}
		s.must(s.at().ecs.UpdateContainerInstancesState(s.ctx, &api.UpdateContainerInstancesStateRequest{ContainerInstances: []string{added}, Status: api.ContainerInstanceStatusDraining}))
		s.until("gone from the one that drains", func() bool { return s.stable() && s.running("two") == 2 })
	})
}

func TestTasksOfADrainingInstanceMove(t *testing.T) {
	onStage(t, 2, func(s *stage) {
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(4))})
		s.until("stable", s.stable)
		away := s.tasks()[0].Instance
		s.must(s.at().ecs.UpdateContainerInstancesState(s.ctx, &api.UpdateContainerInstancesStateRequest{ContainerInstances: []string{away}, Status: api.ContainerInstanceStatusDraining}))
		s.until("moved", func() bool {
			for _, task := range s.tasks() {
				if task.Instance == away {
					return false
				}
			}
			return s.stable()
		})
	})
}

// A PAUSE hook ends when its time has passed, whatever the wall clock says meanwhile.
func TestPauseUnderAClockThatJumps(t *testing.T) {
	for _, jump := range []time.Duration{-48 * time.Hour, -31 * time.Minute, 48 * time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			onStage(t, 2, func(s *stage) {
				s.behind(api.DeploymentConfiguration{Strategy: api.DeploymentStrategyBlueGreen, BakeTimeInMinutes: new(int32(0))})
				s.until("stable", s.stable)
				s.update(api.UpdateServiceRequest{TaskDefinition: "two", DeploymentConfiguration: &api.DeploymentConfiguration{LifecycleHooks: []api.DeploymentLifecycleHook{{
					TargetType: api.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []api.DeploymentLifecycleHookStage{api.DeploymentLifecycleHookStagePostTestTrafficShift},
					TimeoutConfiguration: &api.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: new(int32(30)), Action: api.DeploymentLifecycleHookActionRollback}}}}})
				s.until("pauses", s.pauses)
				began := time.Now()
				s.ahead.Store(int64(jump))
				s.must(s.at().ecs.StopTask(s.ctx, &api.StopTaskRequest{Task: s.tasks()[0].ID})) // the service is looked at
				s.until("timed out", func() bool { return !s.pauses() })
				if took := time.Since(began); took < 29*time.Minute || took > 31*time.Minute {
					t.Errorf("it timed out after %v", took)
				}
				s.until("rolled back", func() bool { return s.last().Status == api.ServiceDeploymentStatusRollbackSuccessful })
			})
		})
	}
}
