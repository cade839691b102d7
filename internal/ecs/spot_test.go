package ecs

import (
	"errors"
	"testing"
	"testing/synctest"

	api "github.com/berth-dev/berth/api/ecs"
)

func TestAnInterruptedSpotTaskStopsWithoutDraining(t *testing.T) {
	inBalancedBubble(t, func(w *balanced) {
		got(w.PutClusterCapacityProviders(w.ctx, &api.PutClusterCapacityProvidersRequest{Cluster: "default", CapacityProviders: []string{"FARGATE", "FARGATE_SPOT"},
			DefaultCapacityProviderStrategy: []api.CapacityProviderStrategyItem{}}))(w.world)
		o := Order{Cluster: "default", Service: "web", TaskDefinition: Revision{"web", 1}, LaunchType: api.LaunchTypeFargate, Network: web(1).NetworkConfiguration.AwsvpcConfiguration,
			Providers: []ProviderShare{{"FARGATE_SPOT", 1}, {"FARGATE", 1}}, Targets: []TaskTarget{{Group: "group", Container: "web", Port: 8080}}}
		tasks := got(w.LaunchFor(w.ctx, here, o, nil))(w.world).Tasks
		spot, other := w.task(tasks[0]), w.task(tasks[1])
		w.report(spot, TaskReport{Status: Running})
		synctest.Wait()
		if err := w.InterruptSpot(w.ctx, here, other.ID); !errors.Is(err, ErrNotSpot) {
			t.Errorf("a task of FARGATE: %v", err)
		}
		w.ok(w.InterruptSpot(w.ctx, here, spot.ID))
		w.want(spot.ID, Stopping, toStop)
		if why := w.task(spot.ID).Why(); why.Code != api.TaskStopCodeSpotInterruption || why.Reason != "Your Spot Task was interrupted." {
			t.Errorf("%+v", why)
		}
		if err := w.InterruptSpot(w.ctx, here, spot.ID); !errors.Is(err, ErrTaskEnding) {
			t.Errorf("a second time: %v", err)
		}
	})
}
