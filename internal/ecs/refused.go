package ecs

import "github.com/berth-dev/berth/internal/wire"

// What members of each operation Berth does not act on yet. A request that sets one is refused by its name, before any
// handler sees it; docs/compatibility.md is made from these lists. A member's accepted values are those that ask for
// nothing.

var createClusterRefused = []wire.Option{
	wire.Refuse("configuration", "ECS Exec and managed storage are not there"),
	wire.Refuse("capacityProviders", "capacity providers are not there; launch types FARGATE and EC2 work without"),
	wire.Refuse("defaultCapacityProviderStrategy", "capacity providers are not there; launch types FARGATE and EC2 work without"),
	wire.Refuse("serviceConnectDefaults", "Service Connect is not there"),
	wire.Refuse("settings.value", "Container Insights is not there", "disabled"),
}

var registerTaskDefinitionRefused = []wire.Option{
	wire.Refuse("networkMode", "network modes are awsvpc, host and none", "awsvpc", "host", "none"),
	wire.Refuse("requiresCompatibilities", "tasks run as EC2 and FARGATE", "EC2", "FARGATE", "EXTERNAL"),
	wire.Refuse("volumes", "volumes are not mounted"),
	wire.Refuse("placementConstraints", "tasks are placed by CPU, memory, ports and attributes"),
	wire.Refuse("pidMode", "each container has a PID namespace of its own"),
	wire.Refuse("ipcMode", "each container has an IPC namespace of its own"),
	wire.Refuse("proxyConfiguration", "App Mesh is not there"),
	wire.Refuse("inferenceAccelerators", "accelerators are not there"),
	wire.Refuse("ephemeralStorage", "the disk of a task is not limited"),
	wire.Refuse("runtimePlatform.operatingSystemFamily", "containers run on Linux", "LINUX"),
	wire.Refuse("enableFaultInjection", "fault injection is not there"),

	wire.Refuse("containerDefinitions.repositoryCredentials", "registry credentials of Secrets Manager are not there"),
	wire.Refuse("containerDefinitions.links", "links need network mode bridge, which is not there"),
	wire.Refuse("containerDefinitions.portMappings.containerPortRange", "ports are mapped one by one"),
	wire.Refuse("containerDefinitions.restartPolicy.enabled", "containers are not restarted"),
	wire.Refuse("containerDefinitions.environmentFiles", "environment files are not read"),
	wire.Refuse("containerDefinitions.mountPoints", "volumes are not mounted"),
	wire.Refuse("containerDefinitions.volumesFrom", "volumes are not mounted"),
	wire.Refuse("containerDefinitions.linuxParameters.maxSwap", "swap is not limited apart from memory"),
	wire.Refuse("containerDefinitions.linuxParameters.swappiness", "swap is not limited apart from memory", "60"),
	wire.Refuse("containerDefinitions.secrets", "Secrets Manager and Parameter Store are not there"),
	wire.Refuse("containerDefinitions.dependsOn", "containers of a task start together"),
	wire.Refuse("containerDefinitions.startTimeout", "it bounds dependsOn, which is not there"),
	wire.Refuse("containerDefinitions.disableNetworking", "network mode none does it for the whole task"),
	wire.Refuse("containerDefinitions.dnsServers", "containers ask the resolver of their VPC or host"),
	wire.Refuse("containerDefinitions.dnsSearchDomains", "containers ask the resolver of their VPC or host"),
	wire.Refuse("containerDefinitions.extraHosts", "/etc/hosts is written by Berth"),
	wire.Refuse("containerDefinitions.dockerSecurityOptions", "AppArmor, SELinux and credential specifications are not there", "no-new-privileges", "no-new-privileges:true"),
	wire.Refuse("containerDefinitions.interactive", "containers have no standard input"),
	wire.Refuse("containerDefinitions.pseudoTerminal", "containers have no terminal"),
	wire.Refuse("containerDefinitions.logConfiguration.logDriver", "the log driver is awslogs", "awslogs"),
	wire.Refuse("containerDefinitions.logConfiguration.secretOptions", "Secrets Manager and Parameter Store are not there"),
	wire.Refuse("containerDefinitions.healthCheck", "container health checks are not run"),
	wire.Refuse("containerDefinitions.resourceRequirements", "GPUs and accelerators are not there"),
	wire.Refuse("containerDefinitions.firelensConfiguration", "FireLens is not there"),
	wire.Refuse("containerDefinitions.credentialSpecs", "credential specifications are not there"),
}

var runTaskRefused = []wire.Option{
	wire.Refuse("capacityProviderStrategy", "capacity providers are not there; launch types FARGATE and EC2 work without"),
	wire.Refuse("enableExecuteCommand", "ECS Exec is not there"),
	wire.Refuse("launchType", "launch types are EC2 and FARGATE", "EC2", "FARGATE"),
	wire.Refuse("placementConstraints", "tasks are placed by CPU, memory, ports and attributes"),
	wire.Refuse("placementStrategy", "tasks are placed by CPU, memory, ports and attributes"),
	wire.Refuse("referenceId", "it is AWS's own"),
	wire.Refuse("volumeConfigurations", "volumes are not mounted"),
	wire.Refuse("overrides.ephemeralStorage", "the disk of a task is not limited"),
	wire.Refuse("overrides.inferenceAcceleratorOverrides", "accelerators are not there"),
	wire.Refuse("overrides.containerOverrides.environmentFiles", "environment files are not read"),
	wire.Refuse("overrides.containerOverrides.resourceRequirements", "GPUs and accelerators are not there"),
}

var listTasksRefused = []wire.Option{
	wire.Refuse("daemonName", "managed daemons are not there"),
}

var listContainerInstancesRefused = []wire.Option{
	wire.Refuse("filter", "the cluster query language is not there"),
}

var describeContainerInstancesRefused = []wire.Option{
	wire.Refuse("include", "the health of container instances is not known", "TAGS"),
}

var registerContainerInstanceRefused = []wire.Option{
	wire.Refuse("platformDevices", "GPUs and accelerators are not there"),
}
