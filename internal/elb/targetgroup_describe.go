package elb

import (
	"context"
	"slices"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// DescribeTargetGroups lists target groups.
func (s *Service) DescribeTargetGroups(ctx context.Context, in *api.DescribeTargetGroupsInput) (*api.DescribeTargetGroupsOutput, error) {
	scope := scopeOf(ctx)
	found, next, err := s.findGroups(scope, in)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeTargetGroupsOutput{TargetGroups: []api.TargetGroup{}, NextMarker: next}
	for _, g := range found {
		out.TargetGroups = append(out.TargetGroups, s.describeGroup(scope, g))
	}
	return out, nil
}

func (s *Service) findGroups(scope store.Scope, in *api.DescribeTargetGroupsInput) (found []*targetGroup, next string, err error) {
	asked := 0
	for _, given := range []bool{in.LoadBalancerArn != "", len(in.TargetGroupArns) > 0, len(in.Names) > 0} {
		if given {
			asked++
		}
	}
	if asked > 1 {
		return nil, "", invalid("Only one of load balancer ARN, target group ARNs, or target group names can be specified")
	}
	switch {
	case len(in.TargetGroupArns) > 0:
		found, err = s.groups().byARN(scope, in.TargetGroupArns)
		return found, "", err
	case len(in.Names) > 0:
		for _, name := range in.Names {
			row, ok := s.tables.groups.FindOne(scope, byName, name)
			if !ok {
				return nil, "", wire.Errorf(api.TargetGroupNotFoundException, "One or more target groups not found")
			}
			found = append(found, row.Value)
		}
		return found, "", nil
	case in.LoadBalancerArn != "":
		b, err := s.balancers().get(scope, in.LoadBalancerArn)
		if err != nil {
			return nil, "", err
		}
		found = s.groupsOf(scope, b)
	default:
		rows, _ := s.tables.groups.List(scope, store.Page{})
		found = values(rows)
	}
	return page(found, func(g *targetGroup) string { return g.ID }, in.Marker, in.PageSize, "DescribeTargetGroups", scope.String(), in.LoadBalancerArn)
}

// groupsOf are the groups that a load balancer's rules forward to.
func (s *Service) groupsOf(scope store.Scope, b *loadBalancer) (found []*targetGroup) {
	seen := map[string]bool{}
	for row := range s.tables.rules.Find(scope, byBalancer, b.ID) {
		for _, arn := range groupsOf(row.Value.Actions) {
			if seen[arn] {
				continue
			}
			seen[arn] = true
			if g, ok := s.tables.groups.Get(scope, idIn(scope, kindGroup, arn)); ok {
				found = append(found, g.Value)
			}
		}
	}
	return found
}

func (s *Service) describeGroup(scope store.Scope, g *targetGroup) api.TargetGroup {
	arn := arnOf(scope, kindGroup, g.ID)
	described := api.TargetGroup{
		TargetGroupArn: arn, TargetGroupName: g.Name, Protocol: g.Protocol, Port: ptr(int32(g.Port)), VpcId: g.VPC, TargetType: g.Target,
		ProtocolVersion: g.Version, IpAddressType: api.TargetGroupIpAddressTypeEnumIpv4, LoadBalancerArns: s.balancersOf(scope, arn),
		HealthCheckProtocol: g.Check.Protocol, HealthCheckPort: g.Check.Port, HealthCheckEnabled: &g.Check.Enabled, HealthCheckPath: g.Check.Path,
		HealthCheckIntervalSeconds: &g.Check.Interval, HealthCheckTimeoutSeconds: &g.Check.Timeout,
		HealthyThresholdCount: &g.Check.Healthy, UnhealthyThresholdCount: &g.Check.Unhealthy,
	}
	switch {
	case g.Check.Codes == "":
	case g.Version == balancer.GRPC:
		described.Matcher = &api.Matcher{GrpcCode: g.Check.Codes}
	default:
		described.Matcher = &api.Matcher{HttpCode: g.Check.Codes}
	}
	return described
}

// balancersOf are the ARNs of the load balancers that forward to a group.
func (s *Service) balancersOf(scope store.Scope, group string) []string {
	arns := []string{}
	for row := range s.tables.rules.Find(scope, byGroup, group) {
		if arn := arnOf(scope, kindBalancer, row.Value.Balancer); !slices.Contains(arns, arn) {
			arns = append(arns, arn)
		}
	}
	return arns
}

// ModifyTargetGroup changes the health check of a target group.
func (s *Service) ModifyTargetGroup(ctx context.Context, in *api.ModifyTargetGroupInput) (*api.ModifyTargetGroupOutput, error) {
	g, err := s.groups().modify(ctx, s, in.TargetGroupArn, func(_ *store.Tx, g *targetGroup) error {
		return g.change(asked{
			protocol: in.HealthCheckProtocol, port: in.HealthCheckPort, path: in.HealthCheckPath, enabled: in.HealthCheckEnabled,
			interval: in.HealthCheckIntervalSeconds, timeout: in.HealthCheckTimeoutSeconds, healthy: in.HealthyThresholdCount,
			unhealthy: in.UnhealthyThresholdCount, matcher: in.Matcher,
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.ModifyTargetGroupOutput{TargetGroups: []api.TargetGroup{s.describeGroup(scopeOf(ctx), g)}}, nil
}

// DeleteTargetGroup deletes a target group that no listener and no rule forwards to. One that is not there is no error. The reconciler
// takes its targets away.
func (s *Service) DeleteTargetGroup(ctx context.Context, in *api.DeleteTargetGroupInput) (*api.DeleteTargetGroupOutput, error) {
	scope := scopeOf(ctx)
	if !wellFormed(kindGroup, in.TargetGroupArn) {
		return nil, invalid("'%s' is not a valid target group ARN", in.TargetGroupArn)
	}
	id := idIn(scope, kindGroup, in.TargetGroupArn)
	return nil, s.db.Update(ctx, func(tx *store.Tx) error {
		if _, ok := s.tables.groups.GetTx(tx, scope, id); !ok {
			return nil
		}
		if len(s.tables.rules.FindTx(tx, scope, byGroup, in.TargetGroupArn)) > 0 {
			return wire.Errorf(api.ResourceInUseException, "Target group '%s' is currently in use by a listener or a rule", in.TargetGroupArn)
		}
		return s.tables.groups.Delete(tx, scope, id)
	})
}
