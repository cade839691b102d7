package plan

import (
	"maps"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
)

// Decide is what to do for a service now. It changes neither of its arguments.
func Decide(s Service, w World) Plan {
	p := newPass(s, w)
	p.begin()
	p.count()
	p.tellTargets()
	switch {
	case p.s.Deleted:
		p.leave()
	case p.s.External:
		p.sets()
	case p.primary() == nil:
	case p.watch():
	case p.s.Daemon:
		p.daemon()
		p.settle()
	default:
		p.strategy()
		p.settle()
	}
	p.out.Service = p.s
	return p.out
}

// strategy scales the rollouts as the deployment strategy says.
func (p *pass) strategy() {
	switch p.s.Strategy {
	case api.DeploymentStrategyBlueGreen, api.DeploymentStrategyLinear, api.DeploymentStrategyCanary:
		p.shifting()
	default:
		p.rolling()
	}
}

// begin takes up a deployment that was asked for.
func (p *pass) begin() {
	if d := p.s.Deployment; d != nil && d.Status == api.ServiceDeploymentStatusPending {
		d.Status, d.StartedAt = api.ServiceDeploymentStatusInProgress, p.w.Now
	}
}

// pass is one decision on its way.
type pass struct {
	s     Service
	w     World
	tasks []task
	out   Plan
	// lacking says that a pool has not what it should have, and stuck that its bounds leave nothing to do about it.
	lacking, stuck bool
	told           int // see toldTasks; negative: not counted yet
}

// task is a task with what is thought of it.
type task struct {
	Task
	health health
	moved  bool // it makes way for one in another zone
	stale  bool // to be replaced: of another rollout, or on an instance that drains
	aside  bool // in target groups that get none of the traffic any more
}

// counts tells whether it counts towards the maximum: AWS counts those that are RUNNING or on their way there.
func (t *task) counts() bool { return t.Phase <= Running }

// kept tells whether it is to stay for all that was said so far.
func (t *task) kept() bool { return t.counts() && !t.Told }

func newPass(s Service, w World) *pass {
	s.Rollouts = slices.Clone(s.Rollouts)
	s.Told = maps.Clone(s.Told)
	if s.Deployment != nil {
		s.Deployment = new(*s.Deployment)
		s.Deployment.Calls = slices.Clone(s.Deployment.Calls)
	}
	p := &pass{s: s, w: w, tasks: make([]task, len(w.Tasks)), told: -1}
	for i := range w.Tasks {
		p.tasks[i] = p.look(w.Tasks[i])
	}
	return p
}

// primary is the rollout that is to have the tasks; nil: there is none.
func (p *pass) primary() *Rollout {
	for i := range p.s.Rollouts {
		if p.s.Rollouts[i].Primary {
			return &p.s.Rollouts[i]
		}
	}
	return nil
}

// rollout is the one of an id, nil when there is none.
func (p *pass) rollout(id string) *Rollout {
	for i := range p.s.Rollouts {
		if p.s.Rollouts[i].ID == id {
			return &p.s.Rollouts[i]
		}
	}
	return nil
}

// leave stops all tasks of a deleted service.
func (p *pass) leave() {
	p.s.SteadyAt = time.Time{}
	for i := range p.s.Rollouts {
		p.s.Rollouts[i].Desired = 0
	}
	present := false
	for i := range p.tasks {
		t := &p.tasks[i]
		present = present || t.Phase != Gone
		if t.Phase != Gone && !t.Told {
			p.stop(t, p.scaling(t))
		}
	}
	p.tellStops()
	p.out.Inactive = !present
}

// wake asks for another decision at a time.
func (p *pass) wake(at time.Time) {
	if p.out.Wake.IsZero() || at.Before(p.out.Wake) {
		p.out.Wake = at
	}
}

// stop orders a task to stop, unless the plan is full.
func (p *pass) stop(t *task, reason string) bool {
	if len(p.out.Stop) == MaxStops {
		p.out.Again = true
		return false
	}
	t.Told = true
	p.out.Stop = append(p.out.Stop, Stop{Task: t.ID, Code: api.TaskStopCodeServiceSchedulerInitiated, Reason: reason,
		Running: t.Phase == Running, Drains: t.registered(), Moved: t.movedFrom()})
	return true
}

// scaling is why a task is stopped that is one too many.
func (p *pass) scaling(t *task) string {
	by := t.Rollout
	if primary := p.primary(); primary != nil {
		by = primary.ID
	}
	return "Scaling activity initiated by (deployment " + by + ")"
}

func (t *task) registered() bool {
	return slices.ContainsFunc(t.Targets, func(to Target) bool { return !to.Registered.IsZero() })
}
