package service

import (
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// A service of 5,000 tasks is started, replaced and deleted in transactions of their usual size.
func TestServiceOfFiveThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("5,000 tasks")
	}
	onStage(t, 0, func(s *stage) {
		s.cpu = 64 * 6000
		for range 20 {
			s.machine()
		}
		s.create(api.CreateServiceRequest{DesiredCount: new(int32(5000)), DeploymentConfiguration: &api.DeploymentConfiguration{
			MinimumHealthyPercent: new(int32(90)), MaximumPercent: new(int32(110))}})
		began := time.Now()
		s.until("stable", s.stable)
		t.Logf("stable after %v", time.Since(began))
		began = time.Now()
		s.update(api.UpdateServiceRequest{TaskDefinition: "two"})
		s.until("replaced", func() bool { return s.stable() && s.running("two") == 5000 })
		t.Logf("replaced after %v", time.Since(began))
		if s.most > 5500 {
			t.Errorf("%d tasks at most", s.most)
		}
		if n := s.backend.largest.Load(); n > largest {
			t.Errorf("a commit of %d rows", n)
		}
		s.must(s.at().DeleteService(s.ctx, &api.DeleteServiceRequest{Service: "web", Force: new(true)}))
		s.until("inactive", func() bool { return s.web().Status == Inactive })
	})
}
