package elb

import (
	"context"
	"errors"
	"strings"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// CreateTargetGroup makes a target group. One that is there already with the same settings is the answer.
func (s *Service) CreateTargetGroup(ctx context.Context, in *api.CreateTargetGroupInput) (*api.CreateTargetGroupOutput, error) {
	scope := scopeOf(ctx)
	if err := errors.Join(checkGroupName(in.Name), checkTags(in.Tags)); err != nil {
		return nil, first(err)
	}
	if err := s.config.Network.EnsureDefault(ctx, scope); err != nil {
		return nil, err
	}
	g, err := s.newGroup(scope, in)
	if err != nil {
		return nil, err
	}
	if g, err = s.createGroup(ctx, scope, g); err != nil {
		return nil, err
	}
	return &api.CreateTargetGroupOutput{TargetGroups: []api.TargetGroup{s.describeGroup(scope, g)}}, nil
}

// createGroup makes the group, or answers the one of its name that is as it.
func (s *Service) createGroup(ctx context.Context, scope store.Scope, g *targetGroup) (is *targetGroup, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		// From here on a group that somebody else makes has the transaction run again: what is counted below holds.
		if named := s.tables.groups.FindTx(tx, scope, byName, g.Name); len(named) > 0 {
			if is = named[0].Value; !is.same(g) {
				return wire.Errorf(api.DuplicateTargetGroupNameException, "A target group with the same name '%s' exists, but with different settings", g.Name)
			}
			return nil
		}
		if s.tables.groups.Len(scope) >= maxGroups {
			return wire.Errorf(api.TooManyTargetGroupsException, "The maximum number of target groups has been reached")
		}
		is = g
		return s.tables.groups.Create(tx, scope, g.ID, g)
	})
	return is, err
}

func checkGroupName(name string) error {
	switch {
	case len(name) > maxName:
		return invalid("Target group name '%s' cannot be longer than '%d' characters", name, maxName)
	case !nameCharacters.MatchString(name):
		return invalid("Target group name '%s' can only contain characters that are alphanumeric characters or hyphens(-)", name)
	case strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-"):
		return invalid("Target group name '%s' cannot begin or end with '-'", name)
	}
	return nil
}

// newGroup is the group that a request asks for, with defaults.
func (s *Service) newGroup(scope store.Scope, in *api.CreateTargetGroupInput) (*targetGroup, error) {
	switch {
	case in.Protocol == "":
		return nil, invalid("A protocol must be specified")
	case in.Port == nil:
		return nil, invalid("A port must be specified")
	case in.VpcId == "":
		return nil, invalid("A VPC ID must be specified")
	}
	if _, ok := s.config.Network.VPC(scope, in.VpcId); !ok {
		return nil, invalid("The VPC ID '%s' is not found", in.VpcId)
	}
	g := &targetGroup{
		ID: in.Name + "/" + newID(), Name: in.Name, Protocol: in.Protocol, Version: in.ProtocolVersion, Port: uint16(*in.Port), VPC: in.VpcId,
		Target: in.TargetType, Tags: in.Tags, CreatedAt: s.now(),
	}
	if g.Target == "" {
		g.Target = api.TargetTypeEnumInstance
	}
	if err := g.checkVersion(); err != nil {
		return nil, err
	}
	g.Check = g.newCheck(in.HealthCheckProtocol)
	return g, g.change(asked{
		protocol: in.HealthCheckProtocol, port: in.HealthCheckPort, path: in.HealthCheckPath, enabled: in.HealthCheckEnabled,
		interval: in.HealthCheckIntervalSeconds, timeout: in.HealthCheckTimeoutSeconds, healthy: in.HealthyThresholdCount,
		unhealthy: in.UnhealthyThresholdCount, matcher: in.Matcher,
	})
}

func (g *targetGroup) checkVersion() error {
	switch {
	case !g.application() && g.Version != "":
		return invalid("Protocol version is not supported for target groups with the %s protocol", g.Protocol)
	case g.application() && g.Version == "":
		g.Version = balancer.HTTP1
	}
	switch g.Version {
	case "", balancer.HTTP1, balancer.HTTP2, balancer.GRPC:
		return nil
	}
	return invalid("Protocol version '%s' must be one of '[HTTP1, HTTP2, GRPC]'", g.Version)
}

// same tells whether a group was made by the same request.
func (g *targetGroup) same(as *targetGroup) bool {
	return g.Protocol == as.Protocol && g.Version == as.Version && g.Port == as.Port && g.VPC == as.VPC && g.Target == as.Target && g.Check == as.Check
}
