package service

import (
	"maps"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/service/plan"
)

// What deployments shift between the two target groups of a load balancer.

// alternate is the target group that every other revision takes; the only one where there is no other.
func alternate(b api.LoadBalancer) string {
	if a := b.AdvancedConfiguration; a != nil && a.AlternateTargetGroupArn != "" {
		return a.AlternateTargetGroupArn
	}
	return b.TargetGroupArn
}

// groups are the ARNs of all target groups of a revision.
func (r *Revision) groups() (arns []string) {
	for _, b := range r.LoadBalancers {
		arns = append(arns, b.TargetGroupArn)
		if other := alternate(b); other != b.TargetGroupArn {
			arns = append(arns, other)
		}
	}
	return arns
}

// listeners are where the traffic of a revision comes from.
func listeners(r *Revision) (out []plan.Listener) {
	if r == nil {
		return nil
	}
	for _, b := range r.LoadBalancers {
		if a := b.AdvancedConfiguration; a != nil && a.AlternateTargetGroupArn != "" {
			out = append(out, plan.Listener{Group: b.TargetGroupArn, Alternate: a.AlternateTargetGroupArn, Production: a.ProductionListenerRule, Test: a.TestListenerRule})
		}
	}
	return out
}

// reweighed are those of the weights that listener rules do not have already. A rule that is gone has nothing to be changed.
func (l *loop) reweighed(key serviceKey, all []plan.Weights) (changed []plan.Weights) {
	for _, w := range all {
		if now, err := l.balancers.RuleGroups(key.scope, w.Rule); err == nil && !maps.Equal(now, w.Groups) {
			changed = append(changed, w)
		}
	}
	return changed
}

// weigh writes down what the revisions of a deployment have of the traffic.
func (d *Deployment) weigh(rollouts []plan.Rollout) {
	if s := d.Configuration.Strategy; s == "" || s == api.DeploymentStrategyRolling {
		return
	}
	weigh := func(of *Source) {
		production, test := 0.0, 0.0
		for i := range rollouts {
			if r := &rollouts[i]; r.Revision == of.Revision {
				production = float64(r.Share) / 10
				if r.Test {
					test = 100
				}
			}
		}
		of.ProductionWeight, of.TestWeight = &production, &test
	}
	weigh(&d.Target)
	d.Sources = append([]Source(nil), d.Sources...)
	for i := range d.Sources {
		weigh(&d.Sources[i])
	}
}
