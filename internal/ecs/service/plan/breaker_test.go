package plan

import (
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

func TestThreshold(t *testing.T) {
	for _, c := range []struct {
		what          string
		breaker       Breaker
		desired, want int
	}{
		{"half of the desired count", Breaker{}, 20, 10},
		{"rounded up", Breaker{}, 9, 5},
		{"three at least", Breaker{}, 1, 3},
		{"200 at most", Breaker{}, 5000, 200},
		{"a percentage within the bounds", Breaker{Type: api.ThresholdTypeBoundedPercent, Value: 100}, 8, 8},
		{"a percentage without bounds", Breaker{Type: api.ThresholdTypeUnboundedPercent, Value: 10}, 5000, 500},
		{"one at least", Breaker{Type: api.ThresholdTypeUnboundedPercent, Value: 10}, 0, 1},
		{"a number", Breaker{Type: api.ThresholdTypeCount, Value: 7}, 5000, 7},
	} {
		if got := c.breaker.Threshold(c.desired); got != c.want {
			t.Errorf("%s: %d, should be %d", c.what, got, c.want)
		}
	}
}

// A task that becomes healthy ends a row of failures, unless failures are counted over the whole deployment.
func TestHealthyTaskEndsTheRow(t *testing.T) {
	for cumulative, want := range map[bool]api.DeploymentRolloutState{
		false: api.DeploymentRolloutStateCompleted, true: api.DeploymentRolloutStateFailed,
	} {
		w := newWorld(t, 2)
		w.service.Breaker = Breaker{Enable: true, Cumulative: cumulative, Type: api.ThresholdTypeCount, Value: 3}
		n := 0
		w.start = func(*Task) bool { n++; return n == 2 || n == 5 } // the second is healthy before the third failure
		r := func() *Rollout { return &w.service.Rollouts[0] }
		w.until("over", 20, time.Minute, func() bool { return r().State != api.DeploymentRolloutStateInProgress })
		if r().State != want {
			t.Errorf("cumulative %v: %+v", cumulative, r())
		}
	}
}
