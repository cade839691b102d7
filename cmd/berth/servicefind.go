package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// services describes the cluster's services, by name. There are none before the default cluster is made.
func (t *target) services(ctx context.Context) ([]ecs.Service, error) {
	var services []ecs.Service
	in := ecs.ListServicesRequest{Cluster: t.cluster, MaxResults: new(int32(100))}
	for {
		page, err := client.Call(ctx, t.client, ecs.ListServices, &in)
		if hasCode(err, "ClusterNotFoundException") && t.cluster == "default" {
			return nil, nil
		}
		if err != nil {
			return nil, t.clusterError(err)
		}
		for arns := range slices.Chunk(page.ServiceArns, 10) {
			answer, err := client.Call(ctx, t.client, ecs.DescribeServices, &ecs.DescribeServicesRequest{Cluster: t.cluster, Services: arns})
			if err != nil {
				return nil, t.clusterError(err)
			}
			services = append(services, answer.Services...)
		}
		if page.NextToken == "" {
			break
		}
		in.NextToken = page.NextToken
	}
	slices.SortFunc(services, func(a, b ecs.Service) int { return cmp.Compare(a.ServiceName, b.ServiceName) })
	return services, nil
}

// atService makes the cluster that a service's ARN names the target's own.
func (t *target) atService(word string) (name string) {
	if parts := strings.SplitN(word, ":", 6); len(parts) == 6 && parts[0] == "arn" {
		if path := strings.Split(parts[5], "/"); len(path) == 3 && path[0] == "service" {
			t.cluster = path[1]
		}
	}
	return afterSlash(word)
}

// service describes the service of a name or an ARN, which is not deleted.
func (t *target) service(ctx context.Context, word string) (*ecs.Service, error) {
	name := t.atService(word)
	answer, err := client.Call(ctx, t.client, ecs.DescribeServices, &ecs.DescribeServicesRequest{Cluster: t.cluster, Services: []string{name}})
	if err != nil {
		return nil, t.clusterError(err)
	}
	if len(answer.Services) == 1 && answer.Services[0].Status != "INACTIVE" {
		return &answer.Services[0], nil
	}
	return nil, t.noService(ctx, fmt.Sprintf("there is no service %s in cluster %s", name, t.cluster))
}

// sameService describes a service again, also one that was deleted meanwhile.
func (t *target) sameService(ctx context.Context, s *ecs.Service) (*ecs.Service, error) {
	answer, err := client.Call(ctx, t.client, ecs.DescribeServices, &ecs.DescribeServicesRequest{Cluster: t.cluster, Services: []string{s.ServiceName}})
	switch {
	case err != nil:
		return nil, t.clusterError(err)
	case len(answer.Services) == 0 || !answer.Services[0].CreatedAt.Equal(s.CreatedAt.Time):
		return nil, fmt.Errorf("service %s was deleted meanwhile", s.ServiceName)
	}
	return &answer.Services[0], nil
}

// noService says what is not there, and which services are.
func (t *target) noService(ctx context.Context, missing string) error {
	others, err := t.services(ctx)
	if err != nil {
		return err
	}
	if len(others) == 0 {
		return fmt.Errorf("%s: there is none at all", missing)
	}
	var names []string
	for _, s := range others {
		names = append(names, s.ServiceName)
	}
	return fmt.Errorf("%s, only %s", missing, joinWords(names))
}

// tasksOf describes a service's tasks of desired statuses, newest first.
func (t *target) tasksOf(ctx context.Context, service string, desired ...ecs.DesiredStatus) ([]ecs.Task, error) {
	return t.listed(ctx, ecs.ListTasksRequest{ServiceName: service}, desired...)
}
