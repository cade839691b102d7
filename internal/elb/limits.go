package elb

import (
	"context"
	"strconv"

	api "github.com/berth-dev/berth/api/elbv2"
)

// AWS's quotas, as an account has them until they are raised.
const (
	maxBalancers          = 50 // of each type
	maxGroups             = 3000
	maxListeners          = 50   // of a load balancer
	maxRules              = 100  // of a load balancer, without the default ones
	maxTargets            = 1000 // of a group
	maxBalancerGroups     = 100  // of an application load balancer
	maxActionGroups       = 5
	maxCertificates       = 25 // of a load balancer, without the default ones
	maxConditionValues    = 5
	maxConditionWildcards = 6
)

var limits = []struct {
	name string
	most int
}{
	{"target-groups", maxGroups},
	{"application-load-balancers", maxBalancers},
	{"target-groups-per-application-load-balancer", maxBalancerGroups},
	{"target-groups-per-action-on-application-load-balancer", maxActionGroups},
	{"listeners-per-application-load-balancer", maxListeners},
	{"rules-per-application-load-balancer", maxRules},
	{"condition-values-per-alb-rule", maxConditionValues},
	{"condition-wildcards-per-alb-rule", maxConditionWildcards},
	{"certificates-per-application-load-balancer", maxCertificates},
	{"targets-per-target-group", maxTargets},
	{"network-load-balancers", maxBalancers},
	{"listeners-per-network-load-balancer", maxListeners},
	{"certificates-per-network-load-balancer", maxCertificates},
	{"target-groups-per-action-on-network-load-balancer", maxActionGroups},
}

// DescribeAccountLimits lists the quotas.
func (s *Service) DescribeAccountLimits(_ context.Context, in *api.DescribeAccountLimitsInput) (*api.DescribeAccountLimitsOutput, error) {
	out := &api.DescribeAccountLimitsOutput{Limits: []api.Limit{}}
	for _, l := range limits {
		out.Limits = append(out.Limits, api.Limit{Name: l.name, Max: strconv.Itoa(l.most)})
	}
	var err error
	out.Limits, out.NextMarker, err = page(out.Limits, func(l api.Limit) string { return l.Name }, in.Marker, in.PageSize, "DescribeAccountLimits")
	return out, err
}

// DescribeCapacityReservation tells that no capacity is reserved: nothing is.
func (s *Service) DescribeCapacityReservation(ctx context.Context, in *api.DescribeCapacityReservationInput) (*api.DescribeCapacityReservationOutput, error) {
	if _, err := s.balancers().get(scopeOf(ctx), in.LoadBalancerArn); err != nil {
		return nil, err
	}
	return &api.DescribeCapacityReservationOutput{CapacityReservationState: []api.ZonalCapacityReservationState{}}, nil
}
