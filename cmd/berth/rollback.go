package main

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

func rollbackCommand(flags *globals) *cobra.Command {
	var o waitOptions
	cmd := &cobra.Command{
		Use:   "rollback SERVICE",
		Short: "Take a service back to what was deployed before",
		Long: "Rollback stops the deployment that is under way, and the service goes back to what was last deployed with success. When none\n" +
			"is, it deploys what ran before the last deployment: task definition, network, load balancers and platform.",
		Example: "  berth rollback web",
		Args:    exactly("SERVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			t, err := flags.connect()
			if err != nil {
				return err
			}
			return t.rollback(cmd.Context(), args[0], o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

func (t *target) rollback(ctx context.Context, name string, o waitOptions, out, errOut io.Writer) error {
	s, err := t.service(ctx, name)
	if err != nil {
		return err
	}
	if s.CurrentServiceDeployment != "" {
		return t.stopDeployment(ctx, s, o, out, errOut)
	}
	now, before, err := t.previous(ctx, s)
	if err != nil {
		return err
	}
	in := ecs.UpdateServiceRequest{Cluster: t.cluster, Service: s.ServiceName, TaskDefinition: before.TaskDefinition, ForceNewDeployment: true}
	if !reflect.DeepEqual(now.NetworkConfiguration, before.NetworkConfiguration) {
		in.NetworkConfiguration = before.NetworkConfiguration
	}
	if !reflect.DeepEqual(now.LoadBalancers, before.LoadBalancers) {
		if in.LoadBalancers = before.LoadBalancers; in.LoadBalancers == nil {
			in.LoadBalancers = []ecs.LoadBalancer{}
		}
	}
	if now.PlatformVersion != before.PlatformVersion {
		in.PlatformVersion = before.PlatformVersion
	}
	if !reflect.DeepEqual(now.CapacityProviderStrategy, before.CapacityProviderStrategy) {
		in.CapacityProviderStrategy = before.CapacityProviderStrategy
	}
	answer, err := client.Call(ctx, t.client, ecs.UpdateService, &in)
	if err != nil {
		return err
	}
	r, err := t.follow(ctx, s, answer.Service, errOut)
	if err != nil {
		return err
	}
	r.step("%s goes back from %s to %s, deployed %s ago", s.ServiceName, afterSlash(now.TaskDefinition), afterSlash(before.TaskDefinition), ageText(before.CreatedAt.Time, time.Now()))
	return r.end(ctx, o, out)
}

// stopDeployment has the deployment rolled back that is under way.
func (t *target) stopDeployment(ctx context.Context, s *ecs.Service, o waitOptions, out, errOut io.Writer) error {
	in := ecs.StopServiceDeploymentRequest{ServiceDeploymentArn: s.CurrentServiceDeployment, StopType: ecs.StopServiceDeploymentStopTypeRollback}
	if _, err := client.Call(ctx, t.client, ecs.StopServiceDeployment, &in); err != nil {
		return err
	}
	r, err := t.follow(ctx, s, s, errOut)
	if err != nil {
		return err
	}
	if o.detach {
		return r.end(ctx, o, out)
	}
	d, err := r.wait(ctx, o.timeout)
	if d == nil || d.Status != ecs.ServiceDeploymentStatusRollbackSuccessful {
		return err
	}
	d.Definition = afterSlash(r.service.TaskDefinition)
	return t.flags.say(out, d, "%s runs %s again in %s, after %.1fs", d.Service, d.Definition, count(int(d.Running), "task"), d.Seconds)
}

// previous are the revision that a service runs, and the one that was deployed with success before it.
func (t *target) previous(ctx context.Context, s *ecs.Service) (now, before *ecs.ServiceRevision, err error) {
	in := ecs.ListServiceDeploymentsRequest{Cluster: t.cluster, Service: s.ServiceName, MaxResults: new(int32(100)),
		Status: []ecs.ServiceDeploymentStatus{ecs.ServiceDeploymentStatusSuccessful, ecs.ServiceDeploymentStatusRollbackSuccessful}}
	for {
		page, err := client.Call(ctx, t.client, ecs.ListServiceDeployments, &in)
		if err != nil {
			return nil, nil, err
		}
		for _, d := range page.ServiceDeployments { // the newest first
			if d.Status != ecs.ServiceDeploymentStatusSuccessful {
				continue
			}
			revision, err := t.revision(ctx, d.TargetServiceRevisionArn)
			switch {
			case err != nil:
				return nil, nil, err
			case now == nil && revision.TaskDefinition == s.TaskDefinition:
				now = revision
			case now != nil && different(now, revision):
				return now, revision, nil
			}
		}
		if page.NextToken == "" {
			return nil, nil, fmt.Errorf("service %s has nothing to go back to: only %s was ever deployed with success", s.ServiceName, afterSlash(s.TaskDefinition))
		}
		in.NextToken = page.NextToken
	}
}

func (t *target) revision(ctx context.Context, arn string) (*ecs.ServiceRevision, error) {
	answer, err := client.Call(ctx, t.client, ecs.DescribeServiceRevisions, &ecs.DescribeServiceRevisionsRequest{ServiceRevisionArns: []string{arn}})
	switch {
	case err != nil:
		return nil, err
	case len(answer.ServiceRevisions) == 0:
		return nil, fmt.Errorf("the service revision %s is not there any more", arn)
	}
	return &answer.ServiceRevisions[0], nil
}

// different tells whether two revisions make different tasks.
func different(a, b *ecs.ServiceRevision) bool {
	return a.TaskDefinition != b.TaskDefinition || a.PlatformVersion != b.PlatformVersion || !reflect.DeepEqual(a.NetworkConfiguration, b.NetworkConfiguration) ||
		!reflect.DeepEqual(a.LoadBalancers, b.LoadBalancers) || !reflect.DeepEqual(a.CapacityProviderStrategy, b.CapacityProviderStrategy)
}
