package service

import (
	"context"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// DescribeServiceRevisions describes up to twenty revisions.
func (s *Scheduler) DescribeServiceRevisions(ctx context.Context, r *api.DescribeServiceRevisionsRequest) (*api.DescribeServiceRevisionsResponse, error) {
	scope := scopeOf(ctx)
	out := &api.DescribeServiceRevisionsResponse{ServiceRevisions: []api.ServiceRevision{}, Failures: []api.Failure{}}
	failed, err := eachPart(s.Revisions, scope, "service-revision", "serviceRevisionArns", r.ServiceRevisionArns, func(r *Revision) {
		out.ServiceRevisions = append(out.ServiceRevisions, describeRevision(scope, r))
	})
	out.Failures = append(out.Failures, failed...)
	return out, err
}

// describeRevision is a revision as the API shows it.
func describeRevision(scope store.Scope, r *Revision) api.ServiceRevision {
	out := api.ServiceRevision{
		ServiceRevisionArn: RevisionARN(scope, r.Cluster, r.Service, r.ID), ServiceArn: ARN(scope, r.Cluster, r.Service), ClusterArn: ecs.ClusterARN(scope, r.Cluster),
		TaskDefinition: ecs.TaskDefinitionARN(scope, r.definition()), LaunchType: r.LaunchType, CapacityProviderStrategy: r.Providers,
		PlatformVersion: r.Platform, PlatformFamily: r.PlatformFamily, NetworkConfiguration: r.networkConfiguration(),
		LoadBalancers: r.LoadBalancers, ContainerImages: r.Images, CreatedAt: schema.At(r.CreatedAt),
	}
	for _, b := range r.LoadBalancers {
		if out.ResolvedConfiguration == nil {
			out.ResolvedConfiguration = &api.ResolvedConfiguration{}
		}
		resolved := api.ServiceRevisionLoadBalancer{TargetGroupArn: b.TargetGroupArn}
		if a := b.AdvancedConfiguration; a != nil {
			resolved.ProductionListenerRule = a.ProductionListenerRule
		}
		out.ResolvedConfiguration.LoadBalancers = append(out.ResolvedConfiguration.LoadBalancers, resolved)
	}
	return out
}
