package plan

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
)

// stages are those of a deployment that shifts the traffic, in their order.
var stages = []api.ServiceDeploymentLifecycleStage{
	api.ServiceDeploymentLifecycleStageReconcileService,
	api.ServiceDeploymentLifecycleStagePreScaleUp,
	api.ServiceDeploymentLifecycleStageScaleUp,
	api.ServiceDeploymentLifecycleStagePostScaleUp,
	api.ServiceDeploymentLifecycleStageTestTrafficShift,
	api.ServiceDeploymentLifecycleStagePostTestTrafficShift,
	api.ServiceDeploymentLifecycleStageProductionTrafficShift,
	api.ServiceDeploymentLifecycleStagePostProductionTrafficShift,
	api.ServiceDeploymentLifecycleStageBakeTime,
	api.ServiceDeploymentLifecycleStageCleanUp,
}

// The stages at which something other than a hook happens, by their places.
var (
	reconcile  = slices.Index(stages, api.ServiceDeploymentLifecycleStageReconcileService)
	scaleUp    = slices.Index(stages, api.ServiceDeploymentLifecycleStageScaleUp)
	testShift  = slices.Index(stages, api.ServiceDeploymentLifecycleStageTestTrafficShift)
	production = slices.Index(stages, api.ServiceDeploymentLifecycleStageProductionTrafficShift)
	bake       = slices.Index(stages, api.ServiceDeploymentLifecycleStageBakeTime)
	cleanUp    = slices.Index(stages, api.ServiceDeploymentLifecycleStageCleanUp)
)

// advance brings a deployment as far as it comes now. serving is the rollout that the target takes the traffic from; nil when
// there is none. Without a deployment, or after it, there is nothing to do but to keep the target.
func (p *pass) advance(d *Deployment, target, serving *Rollout) {
	if d == nil || !d.FinishedAt.IsZero() || d.Rollback != nil || target.State != api.DeploymentRolloutStateInProgress {
		p.keep(target, p.s.Desired)
		p.end(target)
		return
	}
	at := slices.Index(stages, d.Stage)
	if at < 0 {
		at = 0
		p.enter(d, at)
	}
	if serving != nil {
		p.turn(target, serving)
		p.give(target, target.Share) // what a deployment before this one had gets nothing any more
	}
	gone := p.populate(at, target, serving)
	for at < len(stages) {
		switch p.passed(d, at, gone, target, serving) {
		case waits:
			p.lacking = p.lacking || at < cleanUp
			return
		case fails:
			p.fail(target, "ECS deployment "+target.ID+" failed: a lifecycle hook failed.")
			p.rollBack("Service deployment rolled back because a lifecycle hook failed.", "ECS deployment lifecycle hook")
			p.out.Again, p.lacking = true, true
			return
		}
		if at++; at == len(stages) {
			return
		}
		p.enter(d, at)
		if at == scaleUp || at == cleanUp { // other tasks are to be there from now on
			p.out.Again, p.lacking = true, true
			return
		}
	}
}

// populate has those tasks run that belong to a stage. It tells whether no others are left.
func (p *pass) populate(at int, target, serving *Rollout) (gone bool) {
	kept := []*Rollout{target}
	if serving != nil && at < cleanUp {
		kept = append(kept, serving)
		p.keep(serving, p.s.Desired)
	}
	if at >= scaleUp {
		p.keep(target, p.s.Desired)
	} else {
		p.want(target, 0)
	}
	return p.end(kept...)
}

func (p *pass) enter(d *Deployment, at int) {
	d.Stage, d.StageAt, d.Step = stages[at], p.w.Now, 0
}

// passage is whether a deployment may leave a stage.
type passage int

const (
	waits passage = iota
	passes
	fails
)

// passed tells whether a stage is over: what belongs to it has been done, and its hooks agree.
func (p *pass) passed(d *Deployment, at int, gone bool, target, serving *Rollout) passage {
	switch at {
	case reconcile:
		if !gone {
			return waits
		}
	case scaleUp:
		if p.healthyOf(target) < p.s.Desired {
			return waits
		}
	case testShift:
		p.test(target)
	case production:
		return p.step(d, target, serving)
	case bake:
		if left := p.remaining(d.StageAt, p.s.Shift.Bake); left > 0 && serving != nil {
			p.wake(p.w.Now.Add(left))
			return waits
		}
	case cleanUp:
		if !gone {
			return waits
		}
	}
	return p.ask(d, api.DeploymentLifecycleHookStage(stages[at]))
}

// step shifts the production traffic, step by step, or at once where nothing has it. The hooks of the stage are asked after each.
func (p *pass) step(d *Deployment, target, serving *Rollout) passage {
	steps := p.s.Shift.Steps
	if serving == nil {
		steps = steps[len(steps)-1:]
	}
	ready := serving == nil || p.healthyOf(target) >= p.s.Desired // its tasks may have died since they were there
	if d.Step == 0 {
		if out := p.ask(d, api.DeploymentLifecycleHookStagePreProductionTrafficShift); out != passes {
			return out
		}
		if !ready {
			return waits
		}
		p.next(d, target, steps)
	}
	for {
		if out := p.ask(d, api.DeploymentLifecycleHookStageProductionTrafficShift); out != passes {
			return out
		}
		if d.Step >= len(steps) {
			return passes
		}
		if left := p.remaining(d.StageAt, p.s.Shift.StepBake); left > 0 {
			p.wake(p.w.Now.Add(left))
			return waits
		}
		if !ready {
			return waits
		}
		p.next(d, target, steps)
	}
}

// next makes the next step of the traffic's shift.
func (p *pass) next(d *Deployment, target *Rollout, steps []int) {
	p.give(target, max(steps[d.Step], target.Share))
	d.Step++
	d.StageAt = p.w.Now
}

// forward says what the listener rules are to forward by while there is a deployment. At rest they are their owner's.
func (p *pass) forward() {
	if p.s.Deployment == nil {
		return
	}
	var shares [2]int
	test := 0
	for i := range p.s.Rollouts {
		r := &p.s.Rollouts[i]
		shares[r.side()] += r.Share
		if r.Test {
			test = r.side()
		}
	}
	p.weigh(shares, test)
}

// side is 1 for a rollout whose tasks are registered with the alternate target groups.
func (r *Rollout) side() int {
	if r.Alternate {
		return 1
	}
	return 0
}

// weigh has the listener rules forward by the shares of the two sides, and the test traffic to one of them.
func (p *pass) weigh(shares [2]int, test int) {
	for _, l := range p.s.Shift.Listeners {
		if l.Production != "" {
			p.out.Weights = append(p.out.Weights, Weights{l.Production, weights(l, shares)})
		}
		if l.Test != "" {
			var only [2]int
			only[test] = All
			p.out.Weights = append(p.out.Weights, Weights{l.Test, weights(l, only)})
		}
	}
}

// weights are shares as a listener rule has them: whole percents where that is what they are.
func weights(l Listener, shares [2]int) map[string]int {
	by := 10
	if shares[0]%10 != 0 || shares[1]%10 != 0 {
		by = 1
	}
	return map[string]int{l.Group: shares[0] / by, l.Alternate: shares[1] / by}
}
