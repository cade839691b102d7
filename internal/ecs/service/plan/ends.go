package plan

import (
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// count takes the ends of tasks into the record, each once: what the plan says of them is committed with it.
func (p *pass) count() {
	for i := range p.tasks {
		t := &p.tasks[i]
		if t.Phase == Running {
			if r := p.rollout(t.Rollout); r != nil {
				r.Ran = true
			}
		}
		if t.End == "" {
			continue
		}
		if len(p.out.Counted) == maxCounts {
			p.out.Again = true
			return
		}
		p.out.Counted = append(p.out.Counted, t.ID)
		if r := p.rollout(t.Rollout); r != nil && t.failed(p.w.HealthyAfter) {
			p.failed(r, &t.Task)
		}
	}
}

// failed tells whether a task's end is a failure of its rollout: it ended by itself before it was healthy. What somebody
// stopped, and what a machine or an interruption took, is none.
func (t *Task) failed(healthyAfter time.Duration) bool {
	switch {
	case t.End != api.TaskStopCodeTaskFailedToStart && t.End != api.TaskStopCodeEssentialContainerExited:
		return false
	case t.StartedAt.IsZero():
		return true
	case t.Checked:
		return t.Health != api.HealthStatusHealthy
	}
	return t.EndedAt.Sub(t.StartedAt) < healthyAfter
}

// failed counts a task's failure, and puts off the next start when it is of a new wave: tasks that fail together are one.
func (p *pass) failed(r *Rollout, t *Task) {
	if r.Row == 0 && r.Waves == 0 {
		r.Healthy = p.healthyOf(r)
	}
	r.Failures++
	r.Row++
	if r.Waves > 0 && t.CreatedAt.Before(r.WaveAt) && p.w.Now.Sub(r.WaveAt) >= 0 {
		return
	}
	longest := longestBackOff
	if !t.StartedAt.IsZero() {
		longest = longestRestart
	}
	r.Waves++
	r.WaveAt = p.w.Now
	r.NoStartBefore = p.w.Now.Add(min(backOff(r.Waves), longest))
	if r.Waves >= tellWaves {
		p.tell(aboutStarts, "is unable to consistently start tasks successfully.")
	}
}

// recover ends a rollout's row of failures when more of its tasks are healthy than were.
func (p *pass) recover(r *Rollout) {
	if r.Row == 0 && r.Waves == 0 {
		return
	}
	switch now := p.healthyOf(r); {
	case now > r.Healthy:
		r.Row, r.Waves, r.Healthy = 0, 0, 0
		r.WaveAt, r.NoStartBefore = time.Time{}, time.Time{}
		delete(p.s.Told, aboutStarts)
	case now < r.Healthy:
		r.Healthy = now
	}
}

// healthyOf is how many of a rollout's tasks are healthy and stay.
func (p *pass) healthyOf(r *Rollout) (n int) {
	for i := range p.tasks {
		if t := &p.tasks[i]; t.Rollout == r.ID && t.kept() && t.health == healthy {
			n++
		}
	}
	return n
}

// How long nothing is started after tasks have failed: not at all after the first two waves, then twice as long each time. One
// that was RUNNING waits less long at most.
const (
	firstBackOff   = time.Second
	longestBackOff = 27 * time.Minute
	longestRestart = time.Minute
	tellWaves      = 4
)

func backOff(waves int) time.Duration {
	if waves < 3 {
		return 0
	}
	return min(firstBackOff<<min(waves-3, 20), longestBackOff)
}

// held tells whether a rollout may start nothing now: it failed, or backs off.
func (p *pass) held(r *Rollout) bool {
	if r.State == api.DeploymentRolloutStateFailed {
		return true
	}
	if !p.w.Now.Before(r.NoStartBefore) || p.w.Now.Before(r.WaveAt) { // before it began: the clock was set back
		return false
	}
	p.wake(r.NoStartBefore)
	return true
}
