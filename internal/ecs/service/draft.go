package service

import (
	"cmp"
	"context"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// draft is a service, or a task set of one, as a request wants it to be: checked as a whole, whatever of it the request says.
type draft struct {
	service  *Service
	revision *Revision // nil under controller EXTERNAL
}

// parameters are those of a request that a revision is made of.
type parameters struct {
	taskDefinition string
	launchType     api.LaunchType
	providers      []api.CapacityProviderStrategyItem
	platform       string
	network        *api.NetworkConfiguration
	balancers      []api.LoadBalancer
}

// maxDesired is how many tasks a service may have.
const maxDesired = 5000

// revise makes a revision of a service: of what a request says, else of what was. was is nil for the first one.
func (s *Scheduler) revise(scope store.Scope, v *Service, p parameters, was *Revision) (*Revision, error) {
	if was == nil {
		was = &Revision{}
	}
	r := &Revision{ID: NewRevisionID(), Service: v.Name, Cluster: v.Cluster, CreatedAt: time.Now().UTC(),
		TaskDefinition: was.TaskDefinition, LaunchType: was.LaunchType, Providers: was.Providers,
		PlatformAsked: cmp.Or(p.platform, was.PlatformAsked), Network: was.Network, LoadBalancers: either(p.balancers, was.LoadBalancers)}
	if p.taskDefinition != "" {
		d, err := s.ecs.Runnable(scope, p.taskDefinition)
		if err != nil {
			return nil, err
		}
		r.TaskDefinition = d.Revision().String()
	}
	if p.network != nil {
		r.Network = network(p.network.AwsvpcConfiguration)
	}
	if err := s.capacity(scope, v, r, p); err != nil {
		return nil, err
	}
	if s.launchType(scope, r) == api.LaunchTypeFargate {
		r.PlatformAsked, r.PlatformFamily = cmp.Or(r.PlatformAsked, latestPlatform), "Linux"
		if r.Platform = r.PlatformAsked; r.Platform == latestPlatform {
			r.Platform = ecs.LatestPlatform
		}
	} else {
		r.Platform = r.PlatformAsked
	}
	return r, nil
}

// latestPlatform is what a service's platform version is called where the request says none.
const latestPlatform = "LATEST"

// network is an awsvpc configuration as answers show it.
func network(v *api.AwsVpcConfiguration) *api.AwsVpcConfiguration {
	if v == nil {
		return nil
	}
	out := *v
	out.AssignPublicIp = cmp.Or(v.AssignPublicIp, api.AssignPublicIpDisabled)
	out.SecurityGroups = present(v.SecurityGroups)
	return &out
}

// capacity sets by what the tasks of a revision are run: the launch type or the strategy that is asked for, or else what was; of
// a first revision, the cluster's default strategy, or EC2.
func (s *Scheduler) capacity(scope store.Scope, v *Service, r *Revision, p parameters) error {
	first := r.LaunchType == "" && len(r.Providers) == 0
	switch {
	case p.launchType != "" && len(p.providers) > 0:
		return invalidParameter("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	case p.launchType != "":
		r.LaunchType, r.Providers = p.launchType, nil
		return nil
	case len(p.providers) == 0 && p.providers != nil && !first: // taken away
		r.LaunchType, r.Providers = s.launchType(scope, r), nil
		return nil
	case len(p.providers) == 0 && !first:
		return nil
	case v.Scheduling == api.SchedulingStrategyDaemon:
		if len(p.providers) > 0 {
			return invalidParameter("The daemon scheduling strategy does not support a capacity provider strategy. Remove the capacity provider strategy and try again.")
		}
		r.LaunchType = api.LaunchTypeEc2
		return nil
	}
	items, _, err := s.ecs.StrategyOf(scope, v.Cluster, p.providers)
	if r.LaunchType, r.Providers = "", items; len(items) == 0 {
		r.LaunchType = api.LaunchTypeEc2
	}
	return err
}

// check says what is wrong with a draft, nil when nothing is. Whether there is room for its tasks is no matter.
func (s *Scheduler) check(ctx context.Context, scope store.Scope, d draft) error {
	v := d.service
	if err := cmp.Or(checkScheduling(v), checkConfiguration(&v.Settings.Configuration, v.Scheduling), checkShift(&v.Settings.Configuration, s.config.Hooks.Check)); err != nil {
		return err
	}
	if d.revision == nil {
		return checkExternal(&v.Settings)
	}
	if err := s.checkRevision(ctx, scope, v, d.revision); err != nil {
		return err
	}
	return s.checkRebalancing(scope, v, d.revision)
}

// checkScheduling says what a service of its scheduling strategy can't have.
func checkScheduling(v *Service) error {
	n := v.Settings.DesiredCount
	switch {
	case n < 0 || n > maxDesired:
		return invalidParameter("desiredCount must be between 0 and %d, but was %d.", maxDesired, n)
	case v.Settings.Grace() < 0:
		return invalidParameter("healthCheckGracePeriodSeconds must not be negative.")
	case v.Scheduling != api.SchedulingStrategyDaemon:
		return nil
	case v.Controller != api.DeploymentControllerTypeEcs:
		return invalidParameter("The daemon scheduling strategy is not supported with the %s deployment controller.", v.Controller)
	case len(v.Settings.Strategy) > 0:
		return invalidParameter("The daemon scheduling strategy does not support placement strategies. Remove the placement strategy and try again.")
	case v.Settings.Configuration.Strategy != api.DeploymentStrategyRolling:
		return invalidParameter("The daemon scheduling strategy does not support the deployment strategy %s.", v.Settings.Configuration.Strategy)
	}
	return nil
}

// checkExternal says what a service can't have whose task sets others deploy: what belongs to deployments that there are none of.
func checkExternal(set *Settings) error {
	const controller = api.DeploymentControllerTypeExternal
	c := &set.Configuration
	switch {
	case c.Strategy != api.DeploymentStrategyRolling:
		return invalidParameter("The deployment strategy %s is not supported with the %s deployment controller.", c.Strategy, controller)
	case c.DeploymentCircuitBreaker.Enable:
		return invalidParameter("The deployment circuit breaker is not supported with the %s deployment controller.", controller)
	case c.EarlySuccessCriteria != nil && c.EarlySuccessCriteria.Enable:
		return invalidParameter("earlySuccessCriteria are not supported with the %s deployment controller.", controller)
	case set.Rebalancing == api.AvailabilityZoneRebalancingEnabled:
		return notRebalanced(ofExternal)
	}
	return nil
}

// checkRevision says what is wrong with a revision of a service.
func (s *Scheduler) checkRevision(ctx context.Context, scope store.Scope, v *Service, r *Revision) error {
	if v.Scheduling == api.SchedulingStrategyDaemon && r.LaunchType == api.LaunchTypeFargate {
		return invalidParameter("The daemon scheduling strategy does not support the FARGATE launch type. Change the launch type and try again.")
	}
	if err := s.ecs.CheckOrder(scope, s.order(scope, v, r, "")); err != nil {
		return err
	}
	if r.Network != nil {
		if err := s.ecs.CheckNetwork(ctx, scope, r.Network); err != nil {
			return err
		}
	}
	if len(r.LoadBalancers) == 0 {
		if v.Role != "" {
			return invalidParameter("IAM roles are only valid for services configured to use load balancers.")
		}
		return nil
	}
	d, err := s.ecs.Runnable(scope, r.TaskDefinition)
	if err != nil {
		return err
	}
	if v.Role != "" && (d.Definition.NetworkMode == api.NetworkModeAwsvpc || len(r.LoadBalancers) > 1) {
		return invalidParameter("You cannot specify an IAM role for services that require a service linked role.")
	}
	return cmp.Or(checkAlternates(&v.Settings.Configuration, r), s.checkBalancers(scope, r.LoadBalancers, d))
}
