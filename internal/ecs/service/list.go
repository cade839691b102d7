package service

import (
	"context"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// DescribeServices describes up to ten services of a cluster, those that were deleted not long ago included.
func (s *Scheduler) DescribeServices(ctx context.Context, r *api.DescribeServicesRequest) (*api.DescribeServicesResponse, error) {
	scope := scopeOf(ctx)
	switch {
	case len(r.Services) == 0:
		return nil, invalidParameter("Services cannot be empty.")
	case len(r.Services) > 10:
		return nil, invalidParameter("Services cannot have more than 10 items.")
	}
	if _, err := s.ecs.KnownCluster(scope, r.Cluster); err != nil {
		return nil, err
	}
	out := &api.DescribeServicesResponse{Services: []api.Service{}, Failures: []api.Failure{}}
	for _, ref := range r.Services {
		v, arn, err := s.find(scope, r.Cluster, ref)
		switch {
		case err != nil:
			return nil, err
		case v == nil:
			out.Failures = append(out.Failures, missing(arn))
		default:
			out.Services = append(out.Services, s.describe(scope, v, len(r.Include) > 0))
		}
	}
	return out, nil
}

// standardPage is how many services a page of a listing has that is asked for no number.
const standardPage = 10

// ListServices lists the ARNs of a cluster's services that pass every filter and are not INACTIVE.
func (s *Scheduler) ListServices(ctx context.Context, r *api.ListServicesRequest) (*api.ListServicesResponse, error) {
	scope := scopeOf(ctx)
	cluster, err := s.ecs.KnownCluster(scope, r.Cluster)
	if err != nil {
		return nil, err
	}
	var found []store.Row[Service]
	for row := range s.Services.Find(scope, ServicesByCluster, cluster) {
		if s.passes(row, r) {
			found = append(found, row)
		}
	}
	rows, token, err := page(found, func(r store.Row[Service]) string { return r.ID }, r.NextToken, r.MaxResults, standardPage,
		"services", cluster, string(r.LaunchType), string(r.SchedulingStrategy), string(r.ResourceManagementType))
	if err != nil {
		return nil, err
	}
	out := &api.ListServicesResponse{NextToken: token, ServiceArns: []string{}}
	for _, row := range rows {
		out.ServiceArns = append(out.ServiceArns, ARN(scope, cluster, row.Value.Name))
	}
	return out, nil
}

// passes tells whether a service passes the filters of a listing. One that is run by capacity providers has no launch type.
func (s *Scheduler) passes(row store.Row[Service], r *api.ListServicesRequest) bool {
	switch {
	case r.SchedulingStrategy != "" && row.Value.Scheduling != r.SchedulingStrategy,
		r.ResourceManagementType != "" && r.ResourceManagementType != api.ResourceManagementTypeCustomer:
		return false
	case r.LaunchType == "":
		return true
	}
	current := s.current(row.Scope, row.Value)
	return current != nil && current.LaunchType == r.LaunchType
}

// ListServicesByNamespace finds no namespace: Service Connect has none.
func (s *Scheduler) ListServicesByNamespace(context.Context, *api.ListServicesByNamespaceRequest) (*api.ListServicesByNamespaceResponse, error) {
	return nil, wire.Errorf(api.NamespaceNotFoundException, "The specified namespace was not found.")
}
