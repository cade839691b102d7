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
	if p.s.Completed == "" {
		if d != nil {
			d.end(api.ServiceDeploymentStatusRollbackFailed, p.w.Now)
		}
		return
	}
	from := p.primary()
	at := slices.IndexFunc(p.s.Rollouts, func(r Rollout) bool { return r.Revision == p.s.Completed && r.ID != from.ID })
	to := Rollout{ID: p.w.NewID, Revision: p.s.Completed, CreatedAt: p.w.Now}
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
