package plan

import (
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// settle ends what is done: rollouts that have no task left, the deployment, and the way to a steady state.
func (p *pass) settle() {
	p.tellStops()
	p.forgetTold()
	p.forgetRollouts()
	r := p.primary()
	if p.stuck && r.State == api.DeploymentRolloutStateInProgress {
		p.tell(aboutConfiguration, textConfiguration)
	}
	done := !p.lacking && len(p.out.Start) == 0 && len(p.out.Stop) == 0 && len(p.s.Rollouts) == 1 && p.allReady()
	if r.State == api.DeploymentRolloutStateInProgress && (done || p.early(r)) {
		p.complete(r)
	}
	p.rest(done && r.State == api.DeploymentRolloutStateCompleted)
}

// rest tells that the service has reached a steady state, and tells it again from time to time.
func (p *pass) rest(done bool) {
	if !done {
		p.s.SteadyAt = time.Time{}
		return
	}
	for _, about := range []string{aboutConfiguration, AboutPlacement} {
		delete(p.s.Told, about)
	}
	p.tellBalanced()
	if left := p.remaining(p.s.SteadyAt, suppressed); !p.s.SteadyAt.IsZero() && left > 0 {
		p.wake(p.w.Now.Add(left))
		return
	}
	p.s.SteadyAt = p.w.Now
	p.wake(p.w.Now.Add(suppressed))
	p.event(textSteady)
}

// allReady tells whether every task that counts is healthy and stays.
func (p *pass) allReady() bool {
	for i := range p.tasks {
		if t := &p.tasks[i]; t.counts() && (t.Told || t.health != healthy) {
			return false
		}
	}
	return true
}

// forgetRollouts drops those that are not primary, have no task left and are to have none.
func (p *pass) forgetRollouts() {
	present := map[string]bool{}
	for i := range p.tasks {
		if t := &p.tasks[i]; t.Phase != Gone {
			present[t.Rollout] = true
		}
	}
	var kept []Rollout
	for _, r := range p.s.Rollouts {
		if r.Primary || present[r.ID] || p.needed(&r) {
			kept = append(kept, r)
		}
	}
	p.s.Rollouts = kept
}

// complete ends the deployment of a rollout with success.
func (p *pass) complete(r *Rollout) {
	r.State, r.Reason, r.UpdatedAt = api.DeploymentRolloutStateCompleted, "ECS deployment "+r.ID+" completed.", p.w.Now
	r.Row, r.Failures, r.Healthy, r.Waves = 0, 0, 0, 0
	r.WaveAt, r.NoStartBefore = time.Time{}, time.Time{}
	p.s.Completed = r.Revision
	p.event("(deployment " + r.ID + ") deployment completed.")
	if d := p.s.Deployment; d != nil {
		if d.Rollback != nil {
			d.end(api.ServiceDeploymentStatusRollbackSuccessful, p.w.Now)
		} else {
			d.end(api.ServiceDeploymentStatusSuccessful, p.w.Now)
		}
	}
}

// Early is when a deployment is a success before it is through.
type Early struct {
	Enable   bool
	Percent  int  // of the desired count that is healthy
	Deferred bool // the tasks that it replaces may be there still
}

func (p *pass) early(r *Rollout) bool {
	return p.s.Early.Enable && p.healthyOf(r) >= (p.desired()*p.s.Early.Percent+99)/100 && (p.s.Early.Deferred || len(p.s.Rollouts) == 1)
}
