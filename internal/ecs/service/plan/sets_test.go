package plan

import (
	"testing"
	"time"
)

func TestTaskSetsAreScaledByThemselves(t *testing.T) {
	w := newWorld(t, 4)
	w.service.External, w.service.Deployment = true, nil
	w.service.Rollouts = []Rollout{{ID: "blue", Revision: "r1", Desired: 4}, {ID: "green", Revision: "r2", Desired: 2}}
	w.until("steady", 20, 10*time.Second, w.steady)
	if w.running("r1") != 4 || w.running("r2") != 2 || !w.service.Rollouts[0].Stable || !w.service.Rollouts[1].Stable {
		t.Fatal(w.list())
	}
	w.service.Rollouts[1].Desired = 4
	w.decide()
	if w.service.Rollouts[1].Stable || !w.service.Rollouts[0].Stable || w.steady() {
		t.Errorf("%+v", w.service.Rollouts)
	}
	w.until("steady", 20, 10*time.Second, w.steady)
	w.ends(w.tasks[0], "EssentialContainerExited")
	w.until("replaced", 20, 10*time.Second, func() bool { return w.steady() && w.running("r1") == 4 && w.running("r2") == 4 })
	w.service.Rollouts[0].Desired = 0
	w.until("gone", 20, 10*time.Second, func() bool { return w.steady() && len(w.tasks) == 4 })
	w.service.Rollouts = w.service.Rollouts[1:]
	w.service.Rollouts[0].Desired = 0
	w.until("all gone", 20, 10*time.Second, func() bool { return w.steady() && len(w.tasks) == 0 })
}
