package ecs

import (
	"testing"

	api "github.com/berth-dev/berth/api/ecs"
)

// What an answer has said of an instance, the next placement goes by: no moment passes in between.
func TestAPlacementGoesByWhatWasAnswered(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(`{"family": "job", "networkMode": "none", "containerDefinitions": [{"name": "c", "image": "i", "memory": 1}]}`)
	i := w.instance(1024, 1<<20)
	run := func() int {
		out, err := w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "job"})
		if err != nil {
			return 0
		}
		return len(out.Tasks)
	}
	set := func(status api.ContainerInstanceStatus) {
		got(w.UpdateContainerInstancesState(w.ctx, &api.UpdateContainerInstancesStateRequest{ContainerInstances: []string{i.ID}, Status: status}))(w)
	}
	for range 200 {
		set(api.ContainerInstanceStatusDraining)
		if n := run(); n != 0 {
			t.Fatalf("%d tasks were placed on an instance that drains", n)
		}
		set(api.ContainerInstanceStatusActive)
		w.ok(w.AgentDisconnected(w.ctx, here, i.ID, "session"))
		if n := run(); n != 0 {
			t.Fatalf("%d tasks were placed on an instance whose agent is away", n)
		}
		w.ok(w.AgentConnected(w.ctx, here, i.ID, "session", Agent{}))
		if n := run(); n != 1 {
			t.Fatalf("%d tasks were placed on an instance that is back", n)
		}
	}
}
