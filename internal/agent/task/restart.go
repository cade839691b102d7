package task

import (
	"slices"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// restartAttemptPeriod is how long a container must have run to be restarted, where its policy does not say.
const restartAttemptPeriod = 300 * time.Second

// restartable says that a container's definition has it restarted at all.
func restartable(c *acs.Container) bool { return c.RestartPolicy != nil && c.RestartPolicy.Enabled }

// isOver says that a container has run for the last time: it has stopped, and its policy does not have it restarted. As
// on ECS it is when it has not run for the period of its policy, when its exit code is one to ignore, and when that is not known.
func (t *task) isOver(c *acs.Container, have *engine.ContainerStatus) bool {
	if have == nil || have.State != engine.Stopped {
		return false
	}
	if !restartable(c) || !have.ExitKnown || have.StartedAt.IsZero() || t.progress.Containers[c.Name].Unrestarted != "" ||
		slices.Contains(c.RestartPolicy.IgnoredExitCodes, int32(have.ExitCode)) {
		return true
	}
	period := restartAttemptPeriod
	if p := c.RestartPolicy.RestartAttemptPeriod; p != nil && *p > 0 {
		period = time.Duration(*p) * time.Second
	}
	return have.FinishedAt.Sub(have.StartedAt) < period
}
