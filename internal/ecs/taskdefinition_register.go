package ecs

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/definition"
	"github.com/berth-dev/berth/internal/wire"
)

// registerTaskDefinitions gives the operations on task definitions to a server.
func (s *Service) registerTaskDefinitions(svc *wire.Service) {
	wire.Handle(svc, api.RegisterTaskDefinition, s.RegisterTaskDefinition,
		slices.Concat([]wire.Option{wire.Validate(definition.Validate), wire.RefuseWhere(refuseS3), wire.RefuseWhere(refuseSecurity)}, registerTaskDefinitionRefused, registerTaskDefinitionNotes)...)
	wire.Handle(svc, api.DescribeTaskDefinition, s.DescribeTaskDefinition)
	wire.Handle(svc, api.ListTaskDefinitions, s.ListTaskDefinitions)
	wire.Handle(svc, api.ListTaskDefinitionFamilies, s.ListTaskDefinitionFamilies)
	wire.Handle(svc, api.DeregisterTaskDefinition, s.DeregisterTaskDefinition)
	wire.Handle(svc, api.DeleteTaskDefinitions, s.DeleteTaskDefinitions,
		wire.Note("", "A revision is gone at once when no task of it is left (AWS: within an hour)"))
}

var registerTaskDefinitionRefused = []wire.Option{
	wire.Refuse("requiresCompatibilities", "tasks run as EC2 and FARGATE", "EC2", "FARGATE", "EXTERNAL"),
	wire.Refuse("volumes.efsVolumeConfiguration.authorizationConfig.accessPointId", "access points of EFS are not there"),
	wire.Refuse("volumes.fsxWindowsFileServerVolumeConfiguration", "containers run on Linux"),
	wire.Refuse("volumes.s3filesVolumeConfiguration", "S3 Files is not there"),
	wire.Refuse("volumes.configuredAtLaunch", "EBS volumes are not there"),
	wire.Refuse("proxyConfiguration", "App Mesh is not there"),
	wire.Refuse("runtimePlatform.operatingSystemFamily", "containers run on Linux", "LINUX"),
	wire.Refuse("enableFaultInjection", "fault injection is not there"),

	wire.Refuse("containerDefinitions.environmentFiles", "environment files are not read"),
	wire.Refuse("containerDefinitions.resourceRequirements.type", "accelerators other than GPUs are not there", "GPU"),
	wire.Refuse("containerDefinitions.resourceRequirements.sharingStrategy", "a GPU is one container's"),
	wire.Refuse("containerDefinitions.credentialSpecs", "credential specifications are not there"),
}

var registerTaskDefinitionNotes = []wire.Option{
	wire.Note("taskRoleArn", "any role's name or ARN is taken: roles are not kept and policies not evaluated"),
	wire.Note("executionRoleArn", "logs are shipped, secrets and registry logins read with it; images of ECR are pulled without it"),
	wire.Note("cpu", "on FARGATE a weight and a ceiling, which reserves nothing of the machine unless Berth runs with --strict-capacity"),
	wire.Note("volumes.dockerVolumeConfiguration.driver", "Berth's own engine has local alone, with the options type, device and o, and without size; berth volume lists shared volumes and removes them"),
	wire.Note("volumes.efsVolumeConfiguration.fileSystemId", "stands for a directory or an NFS export of the machine's choosing: `berth dev --efs fs-0123=/srv/shared`. A task whose file system stands for nothing stops and says so"),
	wire.Note("volumes.efsVolumeConfiguration.transitEncryption", "ENABLED asks of an NFS export that its URL has the option xprtsec=tls; of a directory nothing crosses a network"),
	wire.Note("volumes.efsVolumeConfiguration.transitEncryptionPort", "kept; there is no proxy whose port it would be"),
	wire.Note("volumes.efsVolumeConfiguration.authorizationConfig.iam", "kept: roles are not kept and policies not evaluated"),
	wire.Note("ephemeralStorage", "what the containers write and the task's own volumes hold is measured every 10 s and told in metadata; a task that takes more is stopped and says so (AWS: writing fails). Images do not count"),
	wire.Note("runtimePlatform.cpuArchitecture", "absent means the machine's own (AWS: X86_64); another than the machine's runs where binfmt_misc has an emulator with the flag F, and else the stopped reason says what is missing"),
	wire.Note("inferenceAccelerators", "refused by ClientException, as AWS does since it has retired them"),
	wire.Note("containerDefinitions.resourceRequirements.value", "GPUs are those that agents register: Amazon's does, Berth's own registers none"),
	wire.Note("containerDefinitions.image", "pulled when neither the machine nor its Docker daemon has it, with the login of ~/.docker/config.json; a name without a registry that is not known to be Docker Hub's is not pulled ([images.md](images.md))"),
	wire.Note("containerDefinitions.linuxParameters.maxSwap", "on a machine whose kernel does not account swap only 0 can be had"),
	wire.Note("containerDefinitions.linuxParameters.swappiness", "control groups v2 have no such setting: there it says nothing, as on Docker"),
	wire.Note("pidMode", "with task, a container's process is not the first of its namespace: that one is Berth's and reaps"),
	wire.Note("containerDefinitions.dockerSecurityOptions", "no-new-privileges, apparmor:PROFILE and label:disable. Tasks with AppArmor are placed on machines that have it; other labels of SELinux and credential specifications are refused"),
	wire.Note("containerDefinitions.systemControls", "of a namespace that the task's containers share, the value of the container that starts last holds, as on AWS; of one that is the machine's, none can be set"),
	wire.Note("containerDefinitions.secrets", "a parameter of Parameter Store may be given as NAME:VERSION or NAME:LABEL too; a member of a secret's JSON that is no text is given as it is written there; a secret that is binary ends the task ([secrets.md](secrets.md))"),
	wire.Note("networkMode", "in mode bridge containers have IPv4 alone, and reach neither the loopback addresses of the host nor link-local ones ([networking.md](networking.md))"),
	wire.Note("containerDefinitions.links", "a container finds by them addresses and single ports, not, as Docker has it, the other's environment variables"),
	wire.Note("containerDefinitions.portMappings.name", "kept; Service Connect, which reads it, is not there"),
	wire.Note("containerDefinitions.portMappings.appProtocol", "kept; Service Connect, which reads it, is not there"),
	wire.Note("containerDefinitions.dependsOn", "a container whose dependency has already exited when HEALTHY is asked for does not start (AWS: it waits until startTimeout)"),
	wire.Note("containerDefinitions.healthCheck.interval", "while nothing is known of a container it is looked at 1, 3, 7... seconds after its start, too; of these looks only a good one counts"),
	wire.Note("containerDefinitions.startTimeout", "without it 3 minutes, on every launch type"),
	wire.Note("containerDefinitions.versionConsistency", "a tag of a service's image is resolved by its first task that runs, and those started before then by themselves; an image that is on the machine alone, in no registry, is run by its tag"),
	wire.Note("containerDefinitions.logConfiguration.logDriver", "a container without logConfiguration logs by json-file with max-size 10m and max-file 2 (AWS: as the machine's Docker "+
		"is set up; not at all on FARGATE), and never waits for it. Drivers are the agent's own, with Docker's options, whatever the engine. json-file: files stay on the machine for 3 hours "+
		"after their task; `berth logs` reads them. journald: tasks are placed on machines that have a journal. A container in mode blocking does not start "+
		"while its server of fluentd, gelf, splunk or syslog is away, as with Docker; one in mode non-blocking does. What a server does not take is sent again, also after the agent's end, and dropped 10 seconds after the "+
		"container's. See [logs.md](logs.md)"),
	wire.Note("containerDefinitions.firelensConfiguration.options", "config-file-type s3 is refused. The router's configuration is written as ECS's agent does, without ec2_instance_id; the agent sends to the router's "+
		"socket itself, and lets the router stop when it has all that the others printed, 10 seconds later at the latest"),
	wire.Note("containerDefinitions.logConfiguration.options", "the ECS options of awslogs, and Docker's of the other drivers, which are checked when the task starts, as on AWS. Without mode it is the account setting "+
		"defaultLogDriverMode, which is blocking by default so that no line is lost (AWS: non-blocking), unless "+
		"max-buffer-size is set. Without awslogs-stream-prefix the stream is TASK-CONTAINER. fluentd-buffer-limit and log-driver-buffer-limit count events of 1 KiB"),
}
