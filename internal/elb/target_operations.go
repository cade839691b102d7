package elb

import (
	"context"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// RegisterTargets registers targets with a group.
func (s *Service) RegisterTargets(ctx context.Context, in *api.RegisterTargetsInput) (*api.RegisterTargetsOutput, error) {
	scope := scopeOf(ctx)
	g, err := s.groups().get(scope, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	if len(in.Targets) == 0 {
		return nil, invalid("Targets cannot be empty")
	}
	var targets []target
	for _, d := range in.Targets {
		zone, err := s.checkTarget(scope, g, d)
		if err != nil {
			return nil, err
		}
		targets = append(targets, target{ID: d.Id, Port: uint16(or(d.Port, int32(g.Port))), Zone: zone})
	}
	if s.tables.targets.Count(scope, byGroup, g.ID)+len(targets) > maxTargets && s.newTargets(scope, g, targets)+s.tables.targets.Count(scope, byGroup, g.ID) > maxTargets {
		return nil, wire.Errorf(api.TooManyTargetsException, "The maximum number of targets for target group '%s' has been reached: %d", in.TargetGroupArn, maxTargets)
	}
	_, err = store.UpdateEach(ctx, s.db, targets, func(tx *store.Tx, t target) error {
		g, err := s.groups().getTx(tx, scope, in.TargetGroupArn)
		if err != nil {
			return err
		}
		return s.register(tx, scope, g, t)
	})
	return nil, err
}

// newTargets is how many of the targets are not registered yet.
func (s *Service) newTargets(scope store.Scope, g *targetGroup, targets []target) (n int) {
	for _, t := range targets {
		if _, ok := s.tables.targets.Get(scope, targetID(g.ID, t.ID, t.Port)); !ok {
			n++
		}
	}
	return n
}

var instanceID = regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`)

// checkTarget tells whether a group may have a target, and the target's availability zone.
func (s *Service) checkTarget(scope store.Scope, g *targetGroup, d api.TargetDescription) (zone string, err error) {
	if g.Target == api.TargetTypeEnumIp {
		return s.checkAddress(scope, g, d)
	}
	if d.AvailabilityZone != "" {
		return "", invalid("You cannot specify an Availability Zone for targets of target type 'instance'")
	}
	zone, ok := s.config.Instances.InstanceZone(scope, d.Id)
	switch {
	case ok:
		return zone, nil
	case !instanceID.MatchString(d.Id):
		return "", invalid("Instance ID '%s' is not valid", d.Id)
	}
	return "", wire.Errorf(api.InvalidTargetException, "The following targets are not in a running state and cannot be registered: '%s'", d.Id)
}

const allZones = "all"

func (s *Service) checkAddress(scope store.Scope, g *targetGroup, d api.TargetDescription) (zone string, err error) {
	address, err := netip.ParseAddr(d.Id)
	if err != nil || !address.Is4() {
		return "", invalid("The IP address '%s' is not a valid IPv4 address", d.Id)
	}
	vpc, _ := s.config.Network.VPC(scope, g.VPC)
	inside := vpc.Contains(address)
	switch {
	case !inside && !privateAddress(address):
		return "", invalid("The IP address '%s' must be from the subnets of the VPC of the target group, or from the RFC 1918 or RFC 6598 range", d.Id)
	case !inside && d.AvailabilityZone != allZones:
		return "", invalid("You must specify the Availability Zone 'all' for the IP address '%s', which is outside the VPC of the target group", d.Id)
	case !inside:
		return allZones, nil
	}
	zone = s.config.Network.ZoneOf(scope, g.VPC, address)
	if asked := d.AvailabilityZone; asked != "" && asked != allZones && asked != zone {
		return "", invalid("The Availability Zone '%s' is not that of the IP address '%s'", asked, d.Id)
	}
	if d.AvailabilityZone == allZones {
		return allZones, nil
	}
	return zone, nil
}

var shared = netip.MustParsePrefix("100.64.0.0/10")

func privateAddress(address netip.Addr) bool { return address.IsPrivate() || shared.Contains(address) }

// DeregisterTargets has targets drained, and then takes them away. Without a port it is all ports of the target. What is not registered
// is no error.
func (s *Service) DeregisterTargets(ctx context.Context, in *api.DeregisterTargetsInput) (*api.DeregisterTargetsOutput, error) {
	scope := scopeOf(ctx)
	g, err := s.groups().get(scope, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	_, err = store.UpdateEach(ctx, s.db, s.registered(scope, g, in.Targets), func(tx *store.Tx, t *target) error {
		return s.DeregisterTarget(tx, scope, in.TargetGroupArn, t.ID, t.Port)
	})
	return nil, err
}

// registered are those of the targets that a request means that are there.
func (s *Service) registered(scope store.Scope, g *targetGroup, asked []api.TargetDescription) (found []*target) {
	for row := range s.tables.targets.Find(scope, byGroup, g.ID) {
		for _, d := range asked {
			if d.Id == row.Value.ID && (d.Port == nil || uint16(*d.Port) == row.Value.Port) {
				found = append(found, row.Value)
				break
			}
		}
	}
	return found
}

// DescribeTargetHealth tells how the targets of a group are: all, or those that are asked for.
func (s *Service) DescribeTargetHealth(ctx context.Context, in *api.DescribeTargetHealthInput) (*api.DescribeTargetHealthOutput, error) {
	scope := scopeOf(ctx)
	g, err := s.groups().get(scope, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeTargetHealthOutput{TargetHealthDescriptions: []api.TargetHealthDescription{}}
	tell := func(t *target, health balancer.Health) {
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, describeTarget(g, t, health))
	}
	healthOf := s.healthIn(scope, in.TargetGroupArn)
	if len(in.Targets) == 0 {
		for row := range s.tables.targets.Find(scope, byGroup, g.ID) {
			tell(row.Value, healthOf(row.Value))
		}
		return out, nil
	}
	for _, d := range in.Targets {
		found := s.registered(scope, g, []api.TargetDescription{d})
		for _, t := range found {
			tell(t, healthOf(t))
		}
		if len(found) == 0 {
			tell(&target{ID: d.Id, Port: uint16(or(d.Port, int32(g.Port)))}, unregistered)
		}
	}
	return out, nil
}

func describeTarget(g *targetGroup, t *target, health balancer.Health) api.TargetHealthDescription {
	described := api.TargetHealthDescription{
		Target: &api.TargetDescription{Id: t.ID, Port: ptr(int32(t.Port))},
		TargetHealth: &api.TargetHealth{State: api.TargetHealthStateEnum(health.State), Reason: api.TargetHealthReasonEnum(health.Reason),
			Description: health.Description},
		HealthCheckPort: g.Check.Port,
	}
	if g.Target == api.TargetTypeEnumIp && !strings.HasPrefix(t.Zone, allZones) {
		described.Target.AvailabilityZone = t.Zone
	} else if g.Target == api.TargetTypeEnumIp {
		described.Target.AvailabilityZone = allZones
	}
	if g.Check.Port == trafficPort {
		described.HealthCheckPort = strconv.Itoa(int(t.Port))
	}
	return described
}
