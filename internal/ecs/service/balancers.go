package service

import (
	"errors"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// maxBalancers is the most target groups that a service may have.
const maxBalancers = 5

// checkBalancers says what is wrong with the load balancers of tasks of a definition.
func (s *Scheduler) checkBalancers(scope store.Scope, list []api.LoadBalancer, d *ecs.TaskDefinition) error {
	if len(list) > maxBalancers {
		return invalidParameter("load balancers can have at most %d items.", maxBalancers)
	}
	for i := range list {
		b := &list[i]
		switch {
		case b.TargetGroupArn == "":
			return invalidParameter("targetGroupArn can not be blank.")
		case b.ContainerName == "":
			return invalidParameter("containerName can not be blank.")
		case b.ContainerPort == nil || *b.ContainerPort < 1 || *b.ContainerPort > 65535:
			return invalidParameter("containerPort must be between 1 and 65535.")
		}
		if err := exposed(d, b.ContainerName, *b.ContainerPort); err != nil {
			return err
		}
		for _, before := range list[:i] {
			if before.TargetGroupArn == b.TargetGroupArn && before.ContainerName == b.ContainerName && *before.ContainerPort == *b.ContainerPort {
				return invalidParameter("The target group %s is named twice for port %d of the container %s.", b.TargetGroupArn, *b.ContainerPort, b.ContainerName)
			}
		}
		if err := s.checkGroup(scope, b.TargetGroupArn, d.Definition.NetworkMode, true); err != nil {
			return err
		}
		if a := b.AdvancedConfiguration; a != nil {
			if a.AlternateTargetGroupArn == b.TargetGroupArn {
				return invalidParameter("alternateTargetGroupArn must name another target group than targetGroupArn, but both are %s.", b.TargetGroupArn)
			}
			if err := s.checkAdvanced(scope, a, d.Definition.NetworkMode); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkAlternates says what is lacking of a revision's load balancers for the traffic to be shifted between two revisions.
func checkAlternates(c *api.DeploymentConfiguration, r *Revision) error {
	if !shifts(c) {
		return nil
	}
	for _, b := range r.LoadBalancers {
		if a := b.AdvancedConfiguration; a == nil || a.AlternateTargetGroupArn == "" || a.ProductionListenerRule == "" {
			return invalidParameter("The deployment strategy %s needs an advancedConfiguration with alternateTargetGroupArn and productionListenerRule for each load balancer.", c.Strategy)
		}
	}
	return nil
}

// exposed says why a container's port can't be a target, nil when it can.
func exposed(d *ecs.TaskDefinition, container string, port int32) error {
	c, ok := d.Container(container)
	if !ok {
		return invalidParameter("The container %s does not exist in the task definition.", container)
	}
	for _, p := range c.PortMappings {
		if p.ContainerPort != nil && *p.ContainerPort == port {
			return nil
		}
	}
	return invalidParameter("The container %s did not have a container port %d defined.", container, port)
}

// checkGroup says why tasks of a network mode can't be registered with a target group. The alternate group of a service need not be
// behind a load balancer yet.
func (s *Scheduler) checkGroup(scope store.Scope, arn string, mode api.NetworkMode, behind bool) error {
	g, err := s.balancers.Group(scope, arn)
	switch {
	case errors.Is(err, ErrNoGroup):
		return invalidParameter("The target group with targetGroupArn %s does not exist.", arn)
	case err != nil:
		return err
	case behind && !g.Balanced:
		return invalidParameter("The target group with targetGroupArn %s does not have an associated load balancer.", arn)
	case mode == api.NetworkModeAwsvpc && g.Instance:
		return incompatible(arn, "instance", mode)
	case mode != api.NetworkModeAwsvpc && !g.Instance:
		return incompatible(arn, "ip", mode)
	case mode == api.NetworkModeNone:
		return incompatible(arn, "instance", mode)
	}
	return nil
}

func incompatible(arn, kind string, mode api.NetworkMode) error {
	return invalidParameter("The provided target group %s has target type %s, which is incompatible with the %s network mode specified in the task definition.", arn, kind, mode)
}

// checkAdvanced says what is wrong with what traffic is shifted by.
func (s *Scheduler) checkAdvanced(scope store.Scope, a *api.AdvancedConfiguration, mode api.NetworkMode) error {
	if a.AlternateTargetGroupArn != "" {
		if err := s.checkGroup(scope, a.AlternateTargetGroupArn, mode, false); err != nil {
			return err
		}
	}
	for _, rule := range []string{a.ProductionListenerRule, a.TestListenerRule} {
		if rule == "" {
			continue
		}
		_, err := s.balancers.RuleGroups(scope, rule)
		switch {
		case errors.Is(err, ErrNoRule):
			return invalidParameter("The listener rule %s does not exist.", rule)
		case err != nil:
			return err
		}
	}
	return nil
}
