package elb

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"slices"

	api "github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// DescribeLoadBalancers lists load balancers.
func (s *Service) DescribeLoadBalancers(ctx context.Context, in *api.DescribeLoadBalancersInput) (*api.DescribeLoadBalancersOutput, error) {
	scope := scopeOf(ctx)
	found, next, err := s.findBalancers(scope, in)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeLoadBalancersOutput{LoadBalancers: []api.LoadBalancer{}, NextMarker: next}
	for _, b := range found {
		out.LoadBalancers = append(out.LoadBalancers, s.describeBalancer(scope, b))
	}
	return out, nil
}

func (s *Service) findBalancers(scope store.Scope, in *api.DescribeLoadBalancersInput) (found []*loadBalancer, next string, err error) {
	switch {
	case len(in.LoadBalancerArns) > 0 && len(in.Names) > 0:
		return nil, "", invalid("Load balancer names and load balancer ARNs cannot be specified at the same time")
	case len(in.LoadBalancerArns) > 0:
		found, err = s.balancers().byARN(scope, in.LoadBalancerArns)
		return found, "", err
	case len(in.Names) > 0:
		for _, name := range in.Names {
			row, ok := s.tables.balancers.FindOne(scope, byName, name)
			if !ok {
				return nil, "", wire.Errorf(api.LoadBalancerNotFoundException, "Load balancers '[%s]' not found", name)
			}
			found = append(found, row.Value)
		}
		return found, "", nil
	}
	rows, _ := s.tables.balancers.List(scope, store.Page{})
	return page(values(rows), func(b *loadBalancer) string { return b.ID }, in.Marker, in.PageSize, "DescribeLoadBalancers", scope.String())
}

func (s *Service) describeBalancer(scope store.Scope, b *loadBalancer) api.LoadBalancer {
	return api.LoadBalancer{
		LoadBalancerArn: arnOf(scope, kindBalancer, b.ID), LoadBalancerName: b.Name, Type: b.Type, Scheme: b.Scheme, VpcId: b.VPC,
		DNSName: b.DNSName, CanonicalHostedZoneId: hostedZone(scope, b.Type), CreatedTime: schema.Time{Time: b.CreatedAt},
		State: s.state(scope, b), AvailabilityZones: b.zones(), SecurityGroups: append([]string{}, b.SecurityGroups...),
		IpAddressType: api.IpAddressTypeIpv4, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: b.inbound(),
	}
}

// state is how far the data path has come with a load balancer.
func (s *Service) state(scope store.Scope, b *loadBalancer) *api.LoadBalancerState {
	standing := balancer.Standing{Code: balancer.Provisioning}
	if s.config.Plane != nil {
		standing = s.config.Plane.State(arnOf(scope, kindBalancer, b.ID))
	}
	if standing.Code == "" { // it has not been told of the load balancer yet
		standing.Code = balancer.Provisioning
	}
	return &api.LoadBalancerState{Code: api.LoadBalancerStateEnum(standing.Code), Reason: standing.Reason}
}

func (b *loadBalancer) zones() []api.AvailabilityZone {
	zones := []api.AvailabilityZone{}
	for _, at := range b.Addresses {
		zone := api.AvailabilityZone{ZoneName: at.Zone, SubnetId: at.Subnet, LoadBalancerAddresses: []api.LoadBalancerAddress{}}
		if slices.Contains(b.Fixed, at.IP) {
			zone.LoadBalancerAddresses = append(zone.LoadBalancerAddresses, api.LoadBalancerAddress{PrivateIPv4Address: at.IP.String()})
		}
		zones = append(zones, zone)
	}
	return zones
}

// hostedZone is the id of the hosted zone of all load balancers' names of a type in a region, as Route 53 writes ids.
func hostedZone(scope store.Scope, kind api.LoadBalancerTypeEnum) string {
	sum := sha256.Sum256([]byte("elb/" + scope.Region + "/" + string(kind)))
	return "Z" + base32.StdEncoding.EncodeToString(sum[:])[:13]
}
