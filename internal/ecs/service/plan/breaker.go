package plan

import (
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// Breaker is the deployment circuit breaker.
type Breaker struct {
	Enable, Rollback bool
	Cumulative       bool              // healthy tasks don't end a row of failures: resetOnHealthyTask is false
	Type             api.ThresholdType // empty: BOUNDED_PERCENT
	Value            int               // 0: 50
}

// The bounds of BOUNDED_PERCENT.
const (
	leastFailures = 3
	mostFailures  = 200
)

// Threshold is how many failures end a deployment to a desired count.
func (b Breaker) Threshold(desired int) int {
	value := b.Value
	if value == 0 {
		value = 50
	}
	switch part := (desired*value + 99) / 100; b.Type {
	case api.ThresholdTypeCount:
		return value
	case api.ThresholdTypeUnboundedPercent:
		return max(1, part)
	default:
		return min(max(part, leastFailures), mostFailures)
	}
}

// Failures is how many of a rollout's failures count.
func (b Breaker) Failures(r *Rollout) int {
	if b.Cumulative {
		return r.Failures
	}
	return r.Row
}

// watch ends a deployment whose tasks fail too often, or whose end somebody asked for. It tells whether the primary rollout
// is another now, or none that starts anything: the rest is for the next decision.
func (p *pass) watch() (ended bool) {
	for i := range p.s.Rollouts {
		p.recover(&p.s.Rollouts[i])
	}
	r, d := p.primary(), p.s.Deployment
	switch {
	case d != nil && d.Status == api.ServiceDeploymentStatusRollbackRequested:
		p.fail(r, "ECS deployment "+r.ID+" was stopped.")
		p.rollBack(d.Reason, "ECS deployment")
	case d != nil && d.Status == api.ServiceDeploymentStatusStopRequested:
		p.fail(r, "ECS deployment "+r.ID+" was stopped.")
		d.end(api.ServiceDeploymentStatusStopped, p.w.Now)
	case p.tripped(r):
		p.trip(r)
	default:
		return false
	}
	p.out.Again = true
	return true
}

func (p *pass) tripped(r *Rollout) bool {
	b := p.s.Breaker
	return b.Enable && r.State == api.DeploymentRolloutStateInProgress && b.Failures(r) >= b.Threshold(p.desired())
}

// trip ends the deployment of a rollout by the circuit breaker. A deployment that is being rolled back is not rolled back again.
func (p *pass) trip(r *Rollout) {
	p.fail(r, "ECS deployment circuit breaker: tasks failed to start.")
	p.event("(deployment " + r.ID + ") deployment failed: tasks failed to start.")
	d := p.s.Deployment
	if d != nil {
		d.Tripped = true
	}
	const reason = "Service deployment rolled back because the circuit breaker threshold was exceeded."
	switch {
	case d != nil && d.Rollback != nil:
		d.end(api.ServiceDeploymentStatusRollbackFailed, p.w.Now)
	case p.s.Breaker.Rollback && p.before() != "" && p.before() != r.Revision:
		p.rollBack(reason, "ECS deployment circuit breaker")
	case d != nil:
		d.Reason = "Service deployment stopped because the circuit breaker threshold was exceeded."
		d.end(api.ServiceDeploymentStatusStopped, p.w.Now)
	}
}

func (p *pass) fail(r *Rollout, reason string) {
	r.State, r.Reason, r.UpdatedAt = api.DeploymentRolloutStateFailed, reason, p.w.Now
}

// end ends a deployment.
func (d *Deployment) end(status api.ServiceDeploymentStatus, now time.Time) {
	d.Status, d.FinishedAt = status, now
	if status == api.ServiceDeploymentStatusStopped {
		d.StoppedAt = now
	}
}
