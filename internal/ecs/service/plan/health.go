package plan

import (
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// health is what the scheduler thinks of a task.
type health int

const (
	unready health = iota // it is not RUNNING yet, or its checks have not said anything
	healthy
	unhealthy // and its grace is over
)

// The states of a target in which nobody checks it.
const (
	targetHealthy     = "healthy"
	targetUnhealthy   = "unhealthy"
	targetUnused      = "unused"
	targetUnavailable = "unavailable"
)

// look judges a task, and asks to look again when time alone will change the judgement.
func (p *pass) look(t Task) task {
	out := task{Task: t}
	primary := p.primary()
	out.stale = primary == nil || t.Rollout != primary.ID || p.w.Instances[t.Instance].Draining
	if t.Phase != Running {
		return out
	}
	verdict := t.verdict()
	if verdict == unhealthy {
		if left := p.remaining(t.StartedAt, p.s.Grace); left > 0 {
			p.wake(p.w.Now.Add(left))
			verdict = unready
		}
	}
	if verdict == healthy && !t.watched() {
		if left := p.remaining(t.StartedAt, p.w.HealthyAfter); left > 0 {
			p.wake(p.w.Now.Add(left + p.w.HealthyAfter/100)) // tasks that started together are looked at together
			verdict = unready
		}
	}
	out.health = verdict
	return out
}

// verdict is what the checks of a RUNNING task say; without any it is healthy.
func (t *Task) verdict() health {
	verdict := healthy
	if t.Checked {
		switch t.Health {
		case api.HealthStatusUnhealthy:
			return unhealthy
		case api.HealthStatusHealthy:
		default:
			verdict = unready
		}
	}
	for _, to := range t.Targets {
		switch to.State {
		case targetUnhealthy:
			return unhealthy
		case targetHealthy, targetUnused, targetUnavailable:
		default:
			verdict = unready
		}
	}
	return verdict
}

// watched tells whether some check looks after the task.
func (t *Task) watched() bool {
	watched := t.Checked
	for _, to := range t.Targets {
		watched = watched || to.State != targetUnused && to.State != targetUnavailable
	}
	return watched
}

const reasonContainer = "Task failed container health checks"

// failure is why a task is stopped that is unhealthy.
func (t *Task) failure() string {
	if t.Checked && t.Health == api.HealthStatusUnhealthy {
		return reasonContainer
	}
	for _, to := range t.Targets {
		if to.State == targetUnhealthy {
			return "Task failed ELB health checks in (target-group " + to.Group + ")"
		}
	}
	return "Task failed health checks"
}

// remaining is what is left of a while that began at a time. A clock that was set back makes no while longer than twice what
// it is: what began later than that lies behind a jump, and is over.
func (p *pass) remaining(from time.Time, while time.Duration) time.Duration {
	left := while - p.w.Now.Sub(from)
	if left > 2*while {
		return 0
	}
	return max(0, left)
}
