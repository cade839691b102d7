package service

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// Register gives the operations on services to a server, with what Berth does not act on yet and how it differs from AWS: see
// ecs.Service.Register.
func (s *Scheduler) Register(svc *wire.Service) {
	wire.Handle(svc, api.CreateService, s.CreateService, slices.Concat(serviceRefused, createRefused, s.balancersRefused(), serviceNotes, createNotes)...)
	wire.Handle(svc, api.UpdateService, s.UpdateService, slices.Concat(serviceRefused, s.balancersRefused(), serviceNotes, updateNotes)...)
	wire.Handle(svc, api.DeleteService, s.DeleteService)
	wire.Handle(svc, api.DescribeServices, s.DescribeServices, describeNotes...)
	wire.Handle(svc, api.ListServices, s.ListServices)
	wire.Handle(svc, api.ListServicesByNamespace, s.ListServicesByNamespace, byNamespaceNotes...)

	wire.Handle(svc, api.ListServiceDeployments, s.ListServiceDeployments)
	wire.Handle(svc, api.DescribeServiceDeployments, s.DescribeServiceDeployments, deploymentNotes...)
	wire.Handle(svc, api.DescribeServiceRevisions, s.DescribeServiceRevisions, revisionNotes...)
	wire.Handle(svc, api.StopServiceDeployment, s.StopServiceDeployment)
	wire.Handle(svc, api.ContinueServiceDeployment, s.ContinueServiceDeployment)

	wire.Handle(svc, api.CreateTaskSet, s.CreateTaskSet, slices.Concat(taskSetRefused, s.balancersRefused(), networkNotes, taskSetNotes)...)
	wire.Handle(svc, api.DescribeTaskSets, s.DescribeTaskSets)
	wire.Handle(svc, api.UpdateTaskSet, s.UpdateTaskSet)
	wire.Handle(svc, api.DeleteTaskSet, s.DeleteTaskSet)
	wire.Handle(svc, api.UpdateServicePrimaryTaskSet, s.UpdateServicePrimaryTaskSet)
}

// serviceRefused is refused of CreateService and of UpdateService.
var serviceRefused = []wire.Option{
	wire.Refuse("deploymentConfiguration.alarms.enable", "CloudWatch alarms are not there; the deployment circuit breaker rolls back what does not start"),
	wire.Refuse("deploymentController.type", "CodeDeploy is not there", "ECS", "EXTERNAL"),
	wire.Refuse("loadBalancers.loadBalancerName", "Classic Load Balancers are not there; name a target group"),
	wire.Refuse("serviceRegistries", "Cloud Map is not there"),
	wire.Refuse("serviceConnectConfiguration.enabled", "Service Connect is not there"),
	wire.Refuse("volumeConfigurations", "EBS volumes are not there"),
	wire.Refuse("vpcLatticeConfigurations", "VPC Lattice is not there"),
	wire.Refuse("gatewayConnectors", "service gateways are not there"),
	wire.Refuse("monitoring", "metrics are not kept"),
}

var createRefused = []wire.Option{
	wire.Refuse("launchType", "managed instances are not there", "EC2", "FARGATE", "EXTERNAL"),
}

var taskSetRefused = []wire.Option{
	wire.Refuse("launchType", "managed instances are not there", "EC2", "FARGATE", "EXTERNAL"),
	wire.Refuse("loadBalancers.loadBalancerName", "Classic Load Balancers are not there; name a target group"),
	wire.Refuse("serviceRegistries", "Cloud Map is not there"),
}

// balancersRefused refuses load balancers where there are none.
func (s *Scheduler) balancersRefused() []wire.Option {
	if s.balancers != nil {
		return nil
	}
	return []wire.Option{wire.Refuse("loadBalancers", "Elastic Load Balancing is not there")}
}

var roleNotes = []wire.Option{
	wire.Note("loadBalancers.advancedConfiguration.roleArn", "kept, and need not be given: Berth changes listener rules itself"),
}

var networkNotes = []wire.Option{
	wire.Note("networkConfiguration.awsvpcConfiguration.securityGroups", "must exist; their rules are not enforced"),
	wire.Note("platformVersion", "1.3.0 is recorded and runs as 1.4.0"),
}

var serviceNotes = slices.Concat(networkNotes, unread("not read: Service Connect is not there", "serviceConnectConfiguration.namespace", "serviceConnectConfiguration.services",
	"serviceConnectConfiguration.logConfiguration", "serviceConnectConfiguration.accessLogConfiguration", "serviceConnectConfiguration.containerConfigurations",
), unread("kept; CloudWatch alarms are not there", "deploymentConfiguration.alarms.alarmNames", "deploymentConfiguration.alarms.rollback"), roleNotes, []wire.Option{
	wire.Note("deploymentConfiguration.lifecycleHooks.roleArn", "kept; the hook is called without it"),
	wire.Note("deploymentConfiguration.lifecycleHooks.hookTargetArn", "a Lambda function is called at the endpoint of --forward lambda=URL, unsigned; the URL of a webhook is called too"),
	wire.Note("deploymentConfiguration.bakeTimeInMinutes", "0 where it is not given; rolling deployments have none"),
	wire.Note("capacityProviderStrategy", "FARGATE and FARGATE_SPOT are the same machines; no provider scales, and tasks that find no room are tried for again"),
})

// unread are members that mean nothing without what is refused beside them.
func unread(why string, paths ...string) (out []wire.Option) {
	for _, path := range paths {
		out = append(out, wire.Note(path, why))
	}
	return out
}

var createNotes = []wire.Option{
	wire.Note("", "under controller EXTERNAL the circuit breaker, strategies other than ROLLING, early success and zone rebalancing are refused by InvalidParameterException"),
	wire.Note("role", "recorded: the service registers its tasks with target groups itself"),
}

var taskSetNotes = []wire.Option{
	wire.Note("loadBalancers.advancedConfiguration", "kept: who deploys task sets shifts the traffic"),
}

var updateNotes = []wire.Option{
	wire.Note("deploymentController", "can't be changed"),
}

var describeNotes = []wire.Option{
	wire.Note("", "a service that was deleted is shown, INACTIVE, for a day"),
}

var byNamespaceNotes = []wire.Option{
	wire.Note("", "answers NamespaceNotFoundException: Service Connect and Cloud Map are not there, so there are no namespaces"),
}

var deploymentNotes = []wire.Option{
	wire.Note("", "of each service the newest 100 deployments are kept, for 90 days"),
}

var revisionNotes = []wire.Option{
	wire.Note("", "kept as long as a deployment has it"),
}
