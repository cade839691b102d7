package ecs

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
)

// registerTasks gives the operations on tasks to a server.
func (s *Service) registerTasks(svc *wire.Service) {
	wire.Handle(svc, api.RunTask, s.RunTask, slices.Concat(launchRefused, runTaskRefused, launchNotes, runTaskNotes)...)
	wire.Handle(svc, api.StartTask, s.StartTask, slices.Concat(launchRefused, launchNotes)...)
	wire.Handle(svc, api.StopTask, s.StopTask)
	wire.Handle(svc, api.ExecuteCommand, s.ExecuteCommand, executeCommandNotes...)
	wire.Handle(svc, api.DescribeTasks, s.DescribeTasks, describeTasksNotes...)
	wire.Handle(svc, api.GetTaskProtection, s.GetTaskProtection)
	wire.Handle(svc, api.UpdateTaskProtection, s.UpdateTaskProtection, protectionNotes...)
	wire.Handle(svc, api.ListTasks, s.ListTasks, listTasksRefused...)
}

// launchRefused is refused of RunTask and of StartTask.
var launchRefused = []wire.Option{
	wire.Refuse("volumeConfigurations", "EBS volumes are not there"),
	wire.Refuse("overrides.inferenceAcceleratorOverrides", "accelerators are not there"),
	wire.Refuse("overrides.containerOverrides.environmentFiles", "environment files are not read"),
	wire.Refuse("overrides.containerOverrides.resourceRequirements.type", "accelerators other than GPUs are not there", "GPU"),
	wire.Refuse("overrides.containerOverrides.resourceRequirements.sharingStrategy", "a GPU is one container's"),
}

var executeCommandNotes = []wire.Option{
	wire.Note("", "sessions need nothing in the container: Berth's agent opens them, as root. A task on Amazon's agent answers TargetNotConnectedException, for its sessions go to AWS"),
	wire.Note("command", "split into words as a shell splits them, and started as it is; no shell is added"),
}

var runTaskRefused = []wire.Option{
	wire.Refuse("launchType", "managed instances are not there", "EC2", "FARGATE", "EXTERNAL"),
}

var launchNotes = []wire.Option{
	wire.Note("networkConfiguration.awsvpcConfiguration.securityGroups", "must exist; their rules are not enforced"),
	wire.Note("networkConfiguration.awsvpcConfiguration.subnets", "restrict the task to machines of their availability zones; a machine that doesn't say where it is, is in all of them"),
	wire.Note("overrides.taskRoleArn", "any role's name or ARN is taken: roles are not kept and policies not evaluated"),
	wire.Note("overrides.ephemeralStorage", "a task that takes more is stopped and says so (AWS: writing fails)"),
	wire.Note("referenceId", "kept with the task; as on AWS, no answer shows it"),
}

var runTaskNotes = []wire.Option{
	wire.Note("capacityProviderStrategy", "FARGATE and FARGATE_SPOT are the same machines, and Spot is interrupted when `berth spot interrupt` says so; tasks that find no room are in failures, for no provider scales"),
	wire.Note("networkConfiguration.awsvpcConfiguration.assignPublicIp", "the public address is one by which this machine reaches the task; tasks reach the Internet without one too"),
	wire.Note("platformVersion", "1.3.0 is recorded and runs as 1.4.0"),
}

var describeTasksNotes = []wire.Option{
	wire.Note("", "stopped tasks are kept for 30 days, of more than a million the newest; a server without a history keeps them for an hour, and the newest 1,000 longer"),
}

var listTasksRefused = []wire.Option{
	wire.Refuse("daemonName", "managed daemons are not there"),
}

var protectionNotes = []wire.Option{
	wire.Note("tasks", "a deployment that waits for protected tasks blocks nothing: their protection can be renewed (AWS: DEPLOYMENT_BLOCKED)"),
}
