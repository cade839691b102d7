package service

import (
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/service/plan"
)

// A service's record as a plan sees it, and back.

// daemon tells whether the service has a task on each instance.
func (s *Service) daemon() bool { return s.Scheduling == api.SchedulingStrategyDaemon }

// planned is a service's record as a plan sees it.
func planned(v *Service, s *seen) plan.Service {
	c := &v.Settings.Configuration
	out := plan.Service{Name: v.Name, Desired: int(v.Settings.DesiredCount), Daemon: v.daemon(), Deleted: v.Status == Draining,
		Minimum: percent(c.MinimumHealthyPercent, 100), Maximum: percent(c.MaximumPercent, 200), Grace: v.Settings.Grace(),
		Rebalance: v.Settings.Rebalancing == api.AvailabilityZoneRebalancingEnabled, Strategy: c.Strategy, Completed: v.Completed,
		SteadyAt: v.SteadyAt, Registered: v.RegisteredAt, Told: v.Told}
	if b := c.DeploymentCircuitBreaker; b != nil {
		out.Breaker = plan.Breaker{Enable: b.Enable, Rollback: b.Rollback, Cumulative: b.ResetOnHealthyTask != nil && !*b.ResetOnHealthyTask}
		if t := b.ThresholdConfiguration; t != nil {
			out.Breaker.Type, out.Breaker.Value = t.Type, int(t.Value)
		}
	}
	if e := c.EarlySuccessCriteria; e != nil {
		out.Early = plan.Early{Enable: e.Enable, Percent: percent(e.HealthyPercent, 100), Deferred: e.SourceServiceRevisionCleanup == api.ServiceRevisionCleanupDeferred}
	}
	if s.deployment != nil { // there is nothing to shift without one
		out.Shift = plan.ShiftOf(&s.deployment.Configuration)
		if p := v.Primary(); p != nil {
			out.Shift.Listeners = listeners(s.revisions[p.Revision])
		}
	}
	for _, o := range v.Rollouts {
		out.Rollouts = append(out.Rollouts, plannedRollout(o, s.revisions[o.Revision]))
	}
	out.External = v.Controller == api.DeploymentControllerTypeExternal
	for _, set := range s.sets {
		o := plannedRollout(set.rollout(v.Settings.DesiredCount), s.revisions[set.Revision])
		o.Stable = set.Stability == api.StabilityStatusSteadyState
		out.Rollouts = append(out.Rollouts, o)
	}
	if d := s.deployment; d != nil {
		out.Deployment = &plan.Deployment{ID: d.ID, Rollout: d.Rollout, Status: d.Status, Reason: d.StatusReason, Stage: d.Stage, StageAt: d.StageAt,
			Step: d.Step, Source: d.From, StartedAt: d.StartedAt, FinishedAt: d.FinishedAt, StoppedAt: d.StoppedAt}
		for _, h := range d.Hooks {
			out.Deployment.Calls = append(out.Deployment.Calls, plan.Call{ID: h.ID, Hook: h.Index, Stage: h.Stage, Step: h.Step, Status: h.Status,
				StartedAt: h.StartedAt, ExpiresAt: h.ExpiresAt, Action: h.Action})
		}
		if r := d.Rollback; r != nil {
			out.Deployment.Rollback = &plan.Rollback{Reason: r.Reason, At: r.StartedAt, Revision: r.Revision}
		}
	}
	return out
}

func percent(p *int32, otherwise int) int {
	if p == nil {
		return otherwise
	}
	return int(*p)
}

func plannedRollout(o Rollout, r *Revision) plan.Rollout {
	out := plan.Rollout{ID: o.ID, Revision: o.Revision, Primary: o.Primary, State: o.State, Reason: o.StateReason, CreatedAt: o.CreatedAt,
		UpdatedAt: o.UpdatedAt, Desired: int(o.DesiredCount), Failures: int(o.Failures), Row: int(o.Row), Healthy: int(o.Healthy),
		Waves: int(o.Waves), WaveAt: o.WaveAt, NoStartBefore: o.NoStartBefore, Ran: o.Ran, Alternate: o.Alternate, Share: int(o.Share), Test: o.Test}
	if r == nil {
		return out
	}
	for _, item := range r.Providers {
		out.Providers = append(out.Providers, plan.Provider{Name: item.CapacityProvider, Base: int(item.Base), Weight: int(item.Weight)})
	}
	return out
}

// failing is what a plan has counted of a rollout's failures.
func failing(o *plan.Rollout) Failing {
	return Failing{Failures: int32(o.Failures), Row: int32(o.Row), NoStartBefore: o.NoStartBefore, Healthy: int32(o.Healthy), Waves: int32(o.Waves), WaveAt: o.WaveAt}
}

// rolled is a plan's rollout as the record has it.
func rolled(o plan.Rollout) Rollout {
	return Rollout{ID: o.ID, Revision: o.Revision, Primary: o.Primary, State: o.State, StateReason: o.Reason, CreatedAt: o.CreatedAt,
		UpdatedAt: o.UpdatedAt, DesiredCount: int32(o.Desired), Failing: failing(&o), Ran: o.Ran, Alternate: o.Alternate, Share: int32(o.Share), Test: o.Test}
}

// apply takes what a plan says of the service into its record.
func (s *Service) apply(p plan.Service) {
	s.Completed, s.SteadyAt, s.RegisteredAt, s.Told = p.Completed, p.SteadyAt, p.Registered, p.Told
	if s.Rollouts = nil; p.External {
		return // they are its task sets
	}
	for _, o := range p.Rollouts {
		s.Rollouts = append(s.Rollouts, rolled(o))
	}
	if primary := s.Primary(); s.daemon() && primary != nil {
		s.Settings.DesiredCount = primary.DesiredCount
	}
}

// apply takes what a plan says of the deployment into its record.
func (d *Deployment) apply(p *plan.Deployment) {
	d.Status, d.StatusReason, d.Stage, d.StageAt, d.Step = p.Status, p.Reason, p.Stage, p.StageAt, p.Step
	d.StartedAt, d.FinishedAt, d.StoppedAt, d.From = p.StartedAt, p.FinishedAt, p.StoppedAt, p.Source
	d.called(p.Calls)
	if r := p.Rollback; r != nil {
		d.Rollback = &RolledBack{Reason: r.Reason, StartedAt: r.At, Revision: r.Revision}
	}
}

// over tells whether the deployment has ended.
func (d *Deployment) over() bool {
	switch d.Status {
	case api.ServiceDeploymentStatusSuccessful, api.ServiceDeploymentStatusStopped,
		api.ServiceDeploymentStatusRollbackSuccessful, api.ServiceDeploymentStatusRollbackFailed:
		return true
	}
	return false
}
