package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// deployTo finds the service that is to be updated; nil when one is to be created.
func (t *target) deployTo(ctx context.Context, in *ecs.RegisterTaskDefinitionRequest, o deployOptions) (*ecs.Service, error) {
	name := t.atService(o.service)
	services, err := t.services(ctx)
	if err != nil && !(o.create && errors.Is(err, errNoCluster)) { // the cluster is made on its first use
		return nil, err
	}
	what := ""
	if o.service != "" {
		services = slices.DeleteFunc(services, func(s ecs.Service) bool { return s.ServiceName != name })
		what = "is called " + name
	} else {
		services = slices.DeleteFunc(services, func(s ecs.Service) bool { return familyOf(s.TaskDefinition) != in.Family })
		what = "runs the family " + in.Family
	}
	switch {
	case len(services) == 0 && o.create:
		return nil, nil
	case len(services) == 0 && in == nil:
		return nil, t.noService(ctx, fmt.Sprintf("no service of cluster %s %s", t.cluster, what))
	case len(services) == 0:
		return nil, fmt.Errorf("no service of cluster %s %s; --create makes one, as does `aws ecs create-service`", t.cluster, what)
	case len(services) > 1:
		return nil, fmt.Errorf("%s of cluster %s run the family %s (%s): choose one by --service", count(len(services), "service"), t.cluster, in.Family, joinWords(serviceNames(services)))
	case services[0].DeploymentController != nil && services[0].DeploymentController.Type != ecs.DeploymentControllerTypeEcs:
		return nil, fmt.Errorf("service %s is deployed by its controller %s, not by ECS", services[0].ServiceName, services[0].DeploymentController.Type)
	}
	return &services[0], nil
}

func serviceNames(services []ecs.Service) (names []string) {
	for _, s := range services {
		names = append(names, s.ServiceName)
	}
	return names
}

// put updates the service, or creates it.
func (t *target) put(ctx context.Context, service *ecs.Service, definition *ecs.TaskDefinition, o deployOptions) (*ecs.Service, error) {
	if service != nil {
		answer, err := client.Call(ctx, t.client, ecs.UpdateService, &ecs.UpdateServiceRequest{Cluster: t.cluster, Service: service.ServiceName, TaskDefinition: definition.TaskDefinitionArn})
		if err != nil {
			return nil, err
		}
		return answer.Service, nil
	}
	launch, network, err := t.launch(ctx, definition, "")
	if err != nil {
		return nil, err
	}
	in := ecs.CreateServiceRequest{Cluster: t.cluster, ServiceName: definition.Family, TaskDefinition: definition.TaskDefinitionArn, DesiredCount: new(int32(o.count)),
		LaunchType: launch, NetworkConfiguration: network, EnableExecuteCommand: true,
		DeploymentConfiguration: &ecs.DeploymentConfiguration{DeploymentCircuitBreaker: &ecs.DeploymentCircuitBreaker{Enable: true, Rollback: true}}}
	if o.service != "" {
		in.ServiceName = afterSlash(o.service)
	}
	answer, err := client.Call(ctx, t.client, ecs.CreateService, &in)
	if err = t.makeCluster(ctx, err); errors.Is(err, errMade) {
		answer, err = client.Call(ctx, t.client, ecs.CreateService, &in)
	}
	if err != nil {
		return nil, err
	}
	return answer.Service, nil
}
