package service

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// deploymentsPage is how many deployments a page of a listing has that is asked for no number.
const deploymentsPage = 20

// ListServiceDeployments lists the deployments of a service that pass every filter, newest first.
func (s *Scheduler) ListServiceDeployments(ctx context.Context, r *api.ListServiceDeploymentsRequest) (*api.ListServiceDeploymentsResponse, error) {
	scope := scopeOf(ctx)
	v, arn, err := s.find(scope, r.Cluster, r.Service)
	switch {
	case err != nil:
		return nil, err
	case v == nil:
		return nil, serviceNotFound()
	}
	created := api.CreatedAt{}
	if r.CreatedAt != nil {
		created = *r.CreatedAt
	}
	var found []*Deployment
	for row := range s.Deployments.Find(scope, ByService, v.Key()) {
		d := row.Value
		if (len(r.Status) == 0 || slices.Contains(r.Status, d.Status)) &&
			(created.After.IsZero() || d.CreatedAt.After(created.After.Time)) && (created.Before.IsZero() || d.CreatedAt.Before(created.Before.Time)) {
			found = append(found, d)
		}
	}
	listing := []string{"service-deployments", arn, fmt.Sprint(created.After, created.Before, r.Status)}
	found, token, err := page(found, newestFirst, r.NextToken, r.MaxResults, deploymentsPage, listing...)
	if err != nil {
		return nil, err
	}
	out := &api.ListServiceDeploymentsResponse{NextToken: token, ServiceDeployments: []api.ServiceDeploymentBrief{}}
	for _, d := range found {
		out.ServiceDeployments = append(out.ServiceDeployments, d.brief(scope))
	}
	return out, nil
}

// newestFirst is a key by which the newest deployment comes first.
func newestFirst(d *Deployment) string {
	return fmt.Sprintf("%019d/%s", math.MaxInt64-d.CreatedAt.UnixNano(), d.ID)
}

// brief is a deployment as listings show it.
func (d *Deployment) brief(scope store.Scope) api.ServiceDeploymentBrief {
	return api.ServiceDeploymentBrief{
		ServiceDeploymentArn: DeploymentARN(scope, d.Cluster, d.Service, d.ID), ServiceArn: ARN(scope, d.Cluster, d.Service),
		ClusterArn: ecs.ClusterARN(scope, d.Cluster), TargetServiceRevisionArn: RevisionARN(scope, d.Cluster, d.Service, d.Target.Revision),
		CreatedAt: schema.At(d.CreatedAt), StartedAt: at(d.StartedAt), FinishedAt: at(d.FinishedAt), Status: d.Status, StatusReason: d.StatusReason,
	}
}

// at is a time in an answer, absent when it has not come.
func at(t time.Time) schema.Time {
	if t.IsZero() {
		return schema.Time{}
	}
	return schema.At(t)
}

// maxDescribed is how many deployments, or revisions, one request describes.
const maxDescribed = 20

// DescribeServiceDeployments describes up to twenty deployments.
func (s *Scheduler) DescribeServiceDeployments(ctx context.Context, r *api.DescribeServiceDeploymentsRequest) (*api.DescribeServiceDeploymentsResponse, error) {
	scope := scopeOf(ctx)
	out := &api.DescribeServiceDeploymentsResponse{ServiceDeployments: []api.ServiceDeployment{}, Failures: []api.Failure{}}
	failed, err := eachPart(s.Deployments, scope, "service-deployment", "serviceDeploymentArns", r.ServiceDeploymentArns, func(d *Deployment) {
		out.ServiceDeployments = append(out.ServiceDeployments, s.describeDeployment(scope, d))
	})
	out.Failures = append(out.Failures, failed...)
	return out, err
}

// eachPart calls fn with what the ARNs of a request name, and returns a failure for each that is not there.
func eachPart[T any](table *store.Table[T], scope store.Scope, kind, member string, arns []string, fn func(*T)) (failed []api.Failure, err error) {
	switch {
	case len(arns) == 0:
		return nil, invalidParameter("%s can not be empty.", member)
	case len(arns) > maxDescribed:
		return nil, invalidParameter("%s can have at most %d items.", member, maxDescribed)
	}
	for _, arn := range arns {
		key, err := partOf(scope, kind, arn)
		if err != nil {
			return nil, err
		}
		if row, ok := table.Get(scope, key); ok {
			fn(row.Value)
		} else {
			failed = append(failed, missing(arn))
		}
	}
	return failed, nil
}

// describeDeployment is a deployment as the API shows it.
func (s *Scheduler) describeDeployment(scope store.Scope, d *Deployment) api.ServiceDeployment {
	c := d.Configuration
	out := api.ServiceDeployment{
		ServiceDeploymentArn: DeploymentARN(scope, d.Cluster, d.Service, d.ID), ServiceArn: ARN(scope, d.Cluster, d.Service), ClusterArn: ecs.ClusterARN(scope, d.Cluster),
		CreatedAt: schema.At(d.CreatedAt), UpdatedAt: schema.At(d.UpdatedAt), StartedAt: at(d.StartedAt), FinishedAt: at(d.FinishedAt), StoppedAt: at(d.StoppedAt),
		SourceServiceRevisions: []api.ServiceRevisionSummary{}, TargetServiceRevision: new(s.summary(scope, d, d.Target)), Status: d.Status, StatusReason: d.StatusReason,
		LifecycleStage: d.Stage, DeploymentConfiguration: &c, DeploymentCircuitBreaker: d.Breaker,
		Alarms: &api.ServiceDeploymentAlarms{Status: api.ServiceDeploymentRollbackMonitorsStatusDisabled},
	}
	for _, source := range d.Sources {
		out.SourceServiceRevisions = append(out.SourceServiceRevisions, s.summary(scope, d, source))
	}
	for _, h := range d.Hooks {
		out.LifecycleHookDetails = append(out.LifecycleHookDetails, api.DeploymentLifecycleHookDetail{HookId: h.ID, TargetType: h.Kind,
			TargetArn: h.Target, Status: h.Status, ExpiresAt: at(h.ExpiresAt), TimeoutAction: h.Action})
	}
	if b := d.Rollback; b != nil {
		out.Rollback = &api.Rollback{Reason: b.Reason, StartedAt: at(b.StartedAt), ServiceRevisionArn: RevisionARN(scope, d.Cluster, d.Service, b.Revision)}
	}
	return out
}

// summary is a revision of a deployment: with its counts as they are now while the deployment is under way, and as they were last
// when it is over.
func (s *Scheduler) summary(scope store.Scope, d *Deployment, of Source) api.ServiceRevisionSummary {
	out := api.ServiceRevisionSummary{Arn: RevisionARN(scope, d.Cluster, d.Service, of.Revision), RequestedTaskCount: of.Requested,
		RunningTaskCount: of.Running, PendingTaskCount: of.Pending,
		RequestedTestTrafficWeight: of.TestWeight, RequestedProductionTrafficWeight: of.ProductionWeight}
	row, ok := s.Services.Get(scope, Key(d.Cluster, d.Service))
	if !ok || row.Value.Deployment != d.ID {
		return out
	}
	for _, o := range row.Value.Rollouts {
		if o.Revision == of.Revision {
			out.RequestedTaskCount = o.DesiredCount
			out.PendingTaskCount, out.RunningTaskCount = s.counts(scope, o.ID)
			break
		}
	}
	return out
}
