package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	ecsapi "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/ecs/why"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// whyService gathers what is known of the service that a name means, or of a deployment of one, and explains it. ok is false when the
// name is neither's. name is "web", "web/DEPLOYMENT", or the id of a rollout.
func (s *Server) whyService(ctx context.Context, scope store.Scope, cluster, name string) (e why.Explanation, ok bool, err error) {
	caller := wire.CallerOf(ctx)
	caller.Region = scope.Region
	ctx = wire.WithCaller(ctx, caller)
	name, deployment, rollout := s.deploymentNamed(scope, cluster, name)
	answer, err := s.Services.DescribeServices(ctx, &ecsapi.DescribeServicesRequest{Cluster: cluster, Services: []string{name}})
	if err != nil || len(answer.Services) == 0 || answer.Services[0].Status == "INACTIVE" && deployment == "" {
		return e, false, nil // it is not a service's name, or was: what is left of that are tasks
	}
	c := why.ServiceCase{Now: time.Now(), Service: answer.Services[0]}
	if c.Deployment, err = s.deploymentOf(ctx, cluster, name, deployment); err != nil {
		return e, false, err
	}
	since := c.Service.CreatedAt.Time
	if c.Deployment != nil {
		since = c.Deployment.CreatedAt.Time
	}
	group := "service:" + name
	failed, err := s.ECS.LastFailure(ctx, scope, lastPart(c.Service.ClusterArn), group, rollout, since)
	if err != nil {
		return e, false, err
	}
	if failed != nil {
		c.Failed = new(s.explainTask(ctx, scope, failed))
	}
	if u, ok := s.ECS.LastUnplaced(scope, cluster, group); ok && !c.Newer() && u.At.After(since) && c.Service.RunningCount+c.Service.PendingCount < c.Service.DesiredCount {
		c.Unplaced = new(why.Explain(why.Case{Now: c.Now, Scope: scope, Unplaced: &u}))
	}
	c.Targets = s.targetsOf(ctx, &c.Service)
	return why.ExplainService(c), true, nil
}

// deploymentNamed takes the names of deployments apart. rollout is by what the deployment's tasks were started.
func (s *Server) deploymentNamed(scope store.Scope, cluster, name string) (service, deployment, rollout string) {
	before, id, ok := strings.Cut(name, "/")
	if !ok {
		return name, "", ""
	}
	for row := range s.Services.Deployments.All() {
		if d := row.Value; row.Scope == scope && d.Cluster == cluster && (d.Rollout == name || d.Service == before && d.ID == id) {
			return d.Service, d.ID, d.Rollout
		}
	}
	return name, "", ""
}

// deploymentOf describes a deployment of a service: the newest one where none is named; nil when there is none.
func (s *Server) deploymentOf(ctx context.Context, cluster, service, id string) (*ecsapi.ServiceDeployment, error) {
	listed, err := s.Services.ListServiceDeployments(ctx, &ecsapi.ListServiceDeploymentsRequest{Cluster: cluster, Service: service, MaxResults: new(int32(100))})
	if err != nil {
		return nil, err
	}
	for _, brief := range listed.ServiceDeployments { // the newest first
		if id != "" && !strings.HasSuffix(brief.ServiceDeploymentArn, "/"+id) {
			continue
		}
		answer, err := s.Services.DescribeServiceDeployments(ctx, &ecsapi.DescribeServiceDeploymentsRequest{ServiceDeploymentArns: []string{brief.ServiceDeploymentArn}})
		if err != nil || len(answer.ServiceDeployments) == 0 {
			return nil, err
		}
		return &answer.ServiceDeployments[0], nil
	}
	return nil, nil
}

// targetsOf asks for the health of a service's tasks behind load balancers. A target group that is gone has none.
func (s *Server) targetsOf(ctx context.Context, service *ecsapi.Service) (targets []why.Target) {
	var groups []string
	for _, b := range service.LoadBalancers {
		groups = append(groups, b.TargetGroupArn)
		if a := b.AdvancedConfiguration; a != nil && a.AlternateTargetGroupArn != "" {
			groups = append(groups, a.AlternateTargetGroupArn)
		}
	}
	slices.Sort(groups)
	for _, group := range slices.Compact(groups) {
		answer, err := s.ELB.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{TargetGroupArn: group})
		if err != nil {
			continue
		}
		if parts := strings.Split(group, "/"); len(parts) == 3 {
			group = parts[1]
		}
		for _, d := range answer.TargetHealthDescriptions {
			if d.Target == nil || d.TargetHealth == nil {
				continue
			}
			at := d.Target.Id
			if d.Target.Port != nil {
				at = fmt.Sprintf("%s:%d", at, *d.Target.Port)
			}
			targets = append(targets, why.Target{Group: group, Target: at, State: string(d.TargetHealth.State), Reason: string(d.TargetHealth.Reason), Description: d.TargetHealth.Description})
		}
	}
	return targets
}
