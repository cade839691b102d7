package plan

import (
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

func TestADeploymentSucceedsEarly(t *testing.T) {
	for name, c := range map[string]struct {
		early Early
		most  int // of the new tasks, when it succeeds
		left  bool
	}{
		"with what it replaces still there":         {Early{Enable: true, Percent: 50, Deferred: true}, 2, true},
		"once what it replaces is gone":             {Early{Enable: true, Percent: 50}, 4, false},
		"not, when it is not asked for":             {Early{Percent: 50, Deferred: true}, 4, false},
		"only when all are healthy, by 100 percent": {Early{Enable: true, Percent: 100, Deferred: true}, 4, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 4)
			w.service.Maximum, w.service.Early = 125, c.early // one after the other
			w.until("steady", 20, 10*time.Second, w.steady)
			w.deploy("r2")
			w.until("the deployment is over", 100, 10*time.Second, func() bool {
				return w.service.Deployment.Status == api.ServiceDeploymentStatusSuccessful
			})
			if n, left := w.running("r2"), w.running("r1") > 0; n < c.most || n > c.most+1 || left != c.left {
				t.Errorf("%d new tasks, old ones: %t\n%s", n, left, w.list())
			}
			w.until("steady", 100, 10*time.Second, w.steady)
			if w.running("r2") != 4 || w.running("r1") != 0 {
				t.Errorf("in the end: %s", w.list())
			}
		})
	}
}
