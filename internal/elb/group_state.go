package elb

import (
	"fmt"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
)

// Group is what services need to know of a target group.
type Group struct {
	ARN      string
	Instance bool // its targets are container instances, otherwise addresses
	VPC      string
	Protocol string
	Balanced bool // a listener of a load balancer forwards to it
	Checked  bool // it has a health check
}

// Group describes a target group by its ARN. It wraps ErrNoGroup.
func (s *Service) Group(scope store.Scope, arn string) (Group, error) {
	row, ok := s.tables.groups.Get(scope, idIn(scope, kindGroup, arn))
	if !ok {
		return Group{}, fmt.Errorf("%s: %w", arn, ErrNoGroup)
	}
	g := row.Value
	return Group{
		ARN: arn, Instance: g.Target == api.TargetTypeEnumInstance, VPC: g.VPC, Protocol: string(g.Protocol),
		Balanced: s.balanced(scope, arn), Checked: g.Check.Enabled,
	}, nil
}

// balanced tells whether a listener forwards to a group.
func (s *Service) balanced(scope store.Scope, group string) bool {
	return s.tables.rules.Count(scope, byGroup, group) > 0
}

// Health tells how a target of a group is, as DescribeTargetHealth does.
func (s *Service) Health(scope store.Scope, group, id string, port uint16) balancer.Health {
	_, t := s.targetOf(scope, group, id, port)
	if t == nil {
		return unregistered
	}
	return s.healthIn(scope, group)(t)
}

// What is said of targets that the data path says nothing of.
var (
	unregistered = balancer.Health{State: balancer.Unused, Reason: balancer.NotRegistered, Description: "Target is not registered to the target group"}
	notInUse     = balancer.Health{State: balancer.Unused, Reason: balancer.NotInUse,
		Description: "Target group is not configured to receive traffic from the load balancer"}
	otherZone = balancer.Health{State: balancer.Unused, Reason: balancer.NotInUse,
		Description: "Target is in an Availability Zone that is not enabled for the load balancer"}
	registering = balancer.Health{State: balancer.Initial, Reason: balancer.RegistrationInProgress, Description: "Target registration is in progress"}
	draining    = balancer.Health{State: balancer.Draining, Reason: balancer.DeregistrationInProgress, Description: "Target deregistration is in progress"}
)

// healthIn returns what tells how the targets of a group are.
func (s *Service) healthIn(scope store.Scope, group string) func(*target) balancer.Health {
	var known map[balancer.TargetKey]balancer.Health
	if s.config.Plane != nil {
		known = s.config.Plane.Health(group)
	}
	balanced, zones := s.balanced(scope, group), s.zonesOf(scope, group)
	return func(t *target) balancer.Health {
		health, ok := known[balancer.TargetKey{ID: t.ID, Port: t.Port}]
		switch {
		case !t.DrainingSince.IsZero():
			told := draining
			told.Connections = health.Connections
			return told
		case !balanced:
			return notInUse
		case !zones.has(t.Zone):
			return otherZone
		case !ok:
			return registering
		}
		return health
	}
}

// zoneSet are the availability zones of the load balancers that forward to a group.
type zoneSet map[string]bool

// has tells whether a target of a zone gets traffic: one whose zone is not known, or that is of all zones, does.
func (z zoneSet) has(zone string) bool { return zone == "" || zone == "all" || z[zone] }

func (s *Service) zonesOf(scope store.Scope, group string) zoneSet {
	zones := zoneSet{}
	for row := range s.tables.rules.Find(scope, byGroup, group) {
		if b, ok := s.tables.balancers.Get(scope, row.Value.Balancer); ok {
			for _, at := range b.Value.Addresses {
				zones[at.Zone] = true
			}
		}
	}
	return zones
}

// groupKey names a group.
type groupKey struct {
	scope store.Scope
	arn   string
}

// Watch calls told with the ARN of each group in which some target's health changes, until stop is called. told returns at once.
func (s *Service) Watch(told func(scope store.Scope, arn string)) (stop func()) {
	own := s.changed.watch(func(key groupKey) { told(key.scope, key.arn) })
	if s.config.Plane == nil {
		return own
	}
	plane := s.config.Plane.Watch(func(arn string) {
		if scope, _, ok := parseARN(kindGroup, arn); ok {
			told(scope, arn)
		}
	})
	return func() {
		own()
		plane()
	}
}
