package task

import (
	"fmt"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// dependencyTimeout is how long after its start a container may take to complete or to be healthy before those that wait
// for it give up, where its definition has no startTimeout.
const dependencyTimeout = 3 * time.Minute

// wait is what a container's dependencies come to: all hold, or some may yet hold until a time, or one never will.
type wait struct {
	holds bool
	until time.Time // when it is over if nothing has happened; zero: it is not bounded now
	never error
}

// awaits looks at all that a container waits for.
func (u *upkeep) awaits(c *acs.Container, s engine.TaskStatus, now time.Time) wait {
	all := wait{holds: true}
	for _, d := range dependencies(c) {
		one := u.awaitsOne(c, d, s, now)
		if one.never != nil {
			return one
		}
		all.holds = all.holds && one.holds
		all.until = sooner(all.until, one.until)
	}
	return all
}

// awaitsOne looks at one dependency of a container, with the ECS agent's texts.
func (u *upkeep) awaitsOne(c *acs.Container, d acs.ContainerDependency, s engine.TaskStatus, now time.Time) wait {
	on, have := u.container(d.ContainerName), find(s, d.ContainerName)
	never := func(problem, why string) wait {
		return wait{never: fmt.Errorf("dependency graph: %scontainer ordering dependency [%s] for target [%s] %s",
			problem, u.told(on, have), u.told(c, find(s, c.Name)), why)}
	}
	const failed = "failed to resolve "
	started, ended := have != nil && !have.StartedAt.IsZero(), u.isOver(on, have)
	switch {
	case u.failed(on.Name, have) != "":
		return never(failed, "because dependency will never start")
	case !started:
		return wait{}
	case d.Condition == acs.ContainerConditionStart:
		return wait{holds: true}
	case ended && d.Condition == acs.ContainerConditionComplete, ended && have.ExitKnown && have.ExitCode == 0 && d.Condition == acs.ContainerConditionSuccess:
		return wait{holds: true}
	case ended && d.Condition == acs.ContainerConditionSuccess:
		return never(failed, "as dependency did not exit successfully.")
	case d.Condition == acs.ContainerConditionHealthy && u.healthOf(on.Name, have).Status == tcs.HealthStatusHealthy:
		return wait{holds: true}
	case ended:
		return never(failed, "as dependency exited before it was healthy.")
	}
	timeout := dependencyTimeout
	if on.StartTimeout != nil && *on.StartTimeout > 0 {
		timeout = time.Duration(*on.StartTimeout) * time.Second
	}
	if over := u.startOf(have).Add(timeout); now.Before(over) {
		return wait{until: over}
	}
	return never("", "has timed out.")
}

// startOf is when a run of a container began, by a clock that nobody sets: the one that ticks since the run was first seen.
func (u *upkeep) startOf(have *engine.ContainerStatus) time.Time {
	seen := u.begun[have.Name]
	if seen.run != have.Runs || seen.at.IsZero() {
		seen = begun{have.Runs, ticking(have.StartedAt)}
		u.begun[have.Name] = seen
	}
	return seen.at
}

type begun struct {
	run int
	at  time.Time
}

// ticking is a time of the past as the monotonic clock has it, from now on.
func ticking(past time.Time) time.Time {
	now := time.Now()
	return now.Add(-max(now.Sub(past), 0))
}

// told is a container as the ECS agent names it in such a text.
func (t *task) told(c *acs.Container, have *engine.ContainerStatus) string {
	state, exit := "NONE", ""
	switch {
	case t.failed(c.Name, have) != "":
		state = stopped
	case have == nil:
	case have.State == engine.Created:
		state = "CREATED"
	case have.State == engine.Running:
		state = running
	default:
		if state = stopped; have.ExitKnown {
			exit = fmt.Sprintf(" - Exit: %d", have.ExitCode)
		}
	}
	return fmt.Sprintf("%s(%s) (%s->%s)%s", c.Name, c.Image, state, running, exit)
}

// sooner is the earlier of two times, where zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
