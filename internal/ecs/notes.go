package ecs

import "github.com/berth-dev/berth/internal/wire"

// How Berth differs from AWS in what it does act on; docs/compatibility.md tells these beside the members.

var registerTaskDefinitionNotes = []wire.Option{
	wire.Note("taskRoleArn", "any role's name or ARN is taken: roles are not kept and policies not evaluated"),
	wire.Note("executionRoleArn", "logs are shipped with it; images are pulled without it"),
	wire.Note("networkMode", "when absent it is bridge, as on AWS, and is refused by ClientException"),
	wire.Note("requiresCompatibilities", "an EXTERNAL definition is registered, but RunTask has no launch type EXTERNAL"),
	wire.Note("cpu", "on FARGATE a weight and a ceiling, which reserves nothing of the machine unless Berth runs with --strict-capacity"),
	wire.Note("containerDefinitions.image", "pulled when the machine does not have it; private registries are not logged in to"),
	wire.Note("containerDefinitions.portMappings.name", "kept; Service Connect, which reads it, is not there"),
	wire.Note("containerDefinitions.portMappings.appProtocol", "kept; Service Connect, which reads it, is not there"),
	wire.Note("containerDefinitions.restartPolicy.ignoredExitCodes", "kept; says nothing while enabled is refused"),
	wire.Note("containerDefinitions.restartPolicy.restartAttemptPeriod", "kept; says nothing while enabled is refused"),
	wire.Note("containerDefinitions.versionConsistency", "kept; it is about services, which are not there"),
	wire.Note("containerDefinitions.logConfiguration.options", "awslogs-group, awslogs-region, awslogs-stream-prefix, awslogs-create-group, mode and "+
		"max-buffer-size; others are refused by ClientException. Without mode it is blocking, so that no line is lost (AWS: non-blocking), unless "+
		"max-buffer-size is set. Without awslogs-stream-prefix the stream is TASK-CONTAINER"),
}

var runTaskNotes = []wire.Option{
	wire.Note("networkConfiguration.awsvpcConfiguration.securityGroups", "must exist; their rules are not enforced"),
	wire.Note("networkConfiguration.awsvpcConfiguration.assignPublicIp", "the public address is one by which this machine reaches the task; tasks reach the Internet without one too"),
	wire.Note("overrides.taskRoleArn", "any role's name or ARN is taken: roles are not kept and policies not evaluated"),
	wire.Note("platformVersion", "1.3.0 is recorded and runs as 1.4.0"),
}

var describeTasksNotes = []wire.Option{
	wire.Note("", "stopped tasks are kept for an hour, and the newest 1,000 of them longer"),
}

var listTasksNotes = []wire.Option{
	wire.Note("serviceName", "answers ServiceNotFoundException: there are no services"),
}

var registerContainerInstanceNotes = []wire.Option{
	wire.Note("instanceIdentityDocument", "the instance's id and availability zone are read; a machine without one gets an id that begins with mi-"),
	wire.Note("instanceIdentityDocumentSignature", "not verified: the signature of the request says who registers"),
}

// A Fargate machine's agent names a cluster that is not the task's.
var submitContainerStateChangeNotes = []wire.Option{
	wire.Note("cluster", "the task's ARN says all"),
}

var submitTaskStateChangeNotes = []wire.Option{
	wire.Note("cluster", "the task's ARN says all"),
	wire.Note("managedAgents", "acknowledged; they are ECS Exec's, which is not there"),
}

var submitAttachmentStateChangesNotes = []wire.Option{
	wire.Note("attachments", "acknowledged; those of tasks come with SubmitTaskStateChange"),
}

var tagResourceNotes = []wire.Option{
	wire.Note("resourceArn", "of a cluster, task definition, task or container instance"),
}
