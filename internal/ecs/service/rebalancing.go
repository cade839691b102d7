package service

import (
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// zoneAttribute is what a placement strategy spreads by that spreads over availability zones.
const zoneAttribute = "attribute:ecs.availability-zone"

// unbalanced is why tasks of a service can't be rebalanced over availability zones; empty when they can.
func (s *Scheduler) unbalanced(scope store.Scope, v *Service, r *Revision) string {
	first := v.Settings.Strategy
	switch {
	case v.Scheduling == api.SchedulingStrategyDaemon:
		return "services with the daemon scheduling strategy"
	case s.launchType(scope, r) == api.LaunchTypeExternal:
		return "services with the EXTERNAL launch type"
	case *v.Settings.Configuration.MaximumPercent <= 100:
		return "services whose maximumPercent is not above 100"
	case len(first) > 0 && (first[0].Type != api.PlacementStrategyTypeSpread || !strings.EqualFold(first[0].Field, zoneAttribute)):
		return "services whose first placement strategy does not spread over " + zoneAttribute
	}
	return ""
}

// checkRebalancing refuses rebalancing where it can't be.
func (s *Scheduler) checkRebalancing(scope store.Scope, v *Service, r *Revision) error {
	if v.Settings.Rebalancing != api.AvailabilityZoneRebalancingEnabled {
		return nil
	}
	if why := s.unbalanced(scope, v, r); why != "" {
		return notRebalanced(why)
	}
	return nil
}

// ofExternal are the services that others deploy: nothing moves the tasks of their task sets.
const ofExternal = "services with the EXTERNAL deployment controller"

func notRebalanced(why string) error {
	return invalidParameter("Availability Zone rebalancing is not supported for %s.", why)
}
