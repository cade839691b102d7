package plan

import (
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// rollBack makes the revision that was last deployed with success primary again: its rollout, while that still has tasks,
// or a new one. by says whose doing it is.
func (p *pass) rollBack(reason, by string) {
	d := p.s.Deployment
	revision := p.before()
	if revision == "" {
		if d != nil {
			d.end(api.ServiceDeploymentStatusRollbackFailed, p.w.Now)
		}
		return
	}
	from := p.primary()
	at := slices.IndexFunc(p.s.Rollouts, func(r Rollout) bool { return r.Revision == revision && r.ID != from.ID })
	to := Rollout{ID: p.w.NewID, Revision: revision, CreatedAt: p.w.Now}
	from.Primary = false
	if at >= 0 {
		to = p.s.Rollouts[at]
		p.s.Rollouts = slices.Delete(p.s.Rollouts, at, at+1)
	}
	to.Primary, to.UpdatedAt = true, p.w.Now
	to.State, to.Reason = api.DeploymentRolloutStateInProgress, by+": rolling back to deploymentId "+to.ID+"."
	to.Failures, to.Row, to.Waves, to.Healthy = 0, 0, 0, 0
	to.WaveAt, to.NoStartBefore = time.Time{}, time.Time{}
	p.s.Rollouts = slices.Insert(p.s.Rollouts, 0, to)
	p.event("rolling back to deployment " + to.ID + ".")
	if d != nil {
		d.Status, d.Reason = api.ServiceDeploymentStatusRollbackInProgress, reason
		d.Rollback = &Rollback{Reason: reason, At: p.w.Now, Revision: to.Revision}
	}
}

// before is the id of the revision that a rollback goes back to: what was deployed last with success or, when nothing was, what
// the traffic is being shifted from. Empty: there is none.
func (p *pass) before() string {
	if d := p.s.Deployment; p.s.Completed == "" && d != nil {
		if r := p.rollout(d.Source); r != nil {
			return r.Revision
		}
	}
	return p.s.Completed
}
