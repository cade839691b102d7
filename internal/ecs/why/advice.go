package why

import (
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

// rule ties what is seen to its cause, and to what to do next. A rule fits when everything that it names is so. Texts may hold {task},
// {cluster}, {family}, {definition}, {container}, {image}, {registry}, {group}, {memory} and {1}, what the pattern caught.
type rule struct {
	name   string // for the tests and the reader
	reason string // pattern of the task's reason or of a container's
	log    string // pattern of one of the last log lines
	exits  []int32
	codes  []api.TaskStopCode
	status []ecs.Status
	when   func(*facts) bool
	cause  string
	next   []string
}

// Commands that several rules end in.
const (
	seeLog   = "berth logs {task}" // left out when the container that matters has no log that it shows
	runAgain = "berth run {definition}"
	describe = "aws ecs describe-task-definition --task-definition {definition}"
)

// rules are tried in this order; the first that fits says the cause. Those that know most come first.
var rules = []rule{
	// The image.
	{name: "own image missing", reason: `CannotPull\w*Error.*it is not taken from Docker Hub unasked`,
		cause: "There is no image {image} on this machine. Its name says of no registry, so it is not pulled: on Docker Hub it may be a stranger's.",
		next:  []string{"docker build -t {image} .  # Berth uses what Docker has", "berth image import FILE  # or a tar of it", runAgain}},
	{name: "registry limits pulls", reason: `CannotPull\w*Error.*(toomanyrequests|rate limit|429)`,
		cause: "The registry answers no more pulls of this address for now.",
		next:  []string{"docker login  # for a higher limit: Berth pulls with the login of the docker command", "docker save {image} | berth image import -  # from where it is", runAgain}},
	{name: "registry wants credentials", reason: `CannotPull\w*Error.*(unauthorized|authentication required|access denied|requested access|denied:|forbidden|no basic auth|\b40[13]\b)`,
		cause: "The registry does not give {image} to this machine: it is private, or there is none of that name.",
		next:  []string{"docker login {registry}  # Berth pulls with the login of the docker command", "docker save {image} | berth image import -  # from where it is", runAgain}},
	{name: "registry without TLS", reason: `CannotPull\w*Error.*plain http is spoken only`,
		cause: "The registry {registry} speaks no https, and without it Berth asks registries of this machine alone.",
		next:  []string{"name it in /etc/berth/certs.d/{registry}/hosts.toml: docs/images.md has an example", runAgain}},
	{name: "no such platform", reason: `CannotPull\w*Error.*(no match(ing)? (manifest|for platform)|descriptor matching platform|platform.*not (found|supported))`,
		cause: "The image {image} was not built for the processor of this machine.",
		next:  []string{"docker build --platform linux/amd64,linux/arm64 ...", "or set runtimePlatform.cpuArchitecture in the task definition, and join a machine of that kind"}},
	{name: "no such image", reason: `CannotPull\w*Error.*(not found|manifest unknown|name unknown|\b404\b|does not exist|invalid reference)`,
		cause: "There is no image {image}: its name or its tag is wrong, or it was never pushed.",
		next:  []string{"berth image ls  # the names that are here", "docker save {image} | berth image import -  # if Docker has it", runAgain}},
	{name: "registry not reached", reason: `CannotPull\w*Error.*(no such host|dial tcp|i/o timeout|connection refused|network is unreachable|deadline exceeded|TLS handshake|\bEOF\b)`,
		cause: "The registry of {image} was not reached from this machine.",
		next:  []string{"curl -sSI https://{registry}/v2/  # from this machine: name, network, proxy", "berth image import FILE  # does without", runAgain}},
	{name: "registry's certificate", reason: `CannotPull\w*Error.*(x509|certificate)`,
		cause: "The certificate of the registry of {image} is not one that this machine trusts.",
		next:  []string{"add the registry's authority to this machine's certificates, and restart Berth", runAgain}},
	{name: "disk full", reason: `(no space left on device|disk is full)`,
		cause: "The disk of the machine is full.",
		next:  []string{"berth image prune --all", "df -h", runAgain}},
	{name: "image not pulled", reason: `CannotPull\w*Error`,
		cause: "The image {image} could not be pulled.", next: []string{"berth image pull {image}  # shows what the registry says", runAgain}},

	// What is prepared before a container.
	{name: "secret not read", reason: `ResourceInitializationError.*(secret|ssm|parameter)|fetching secret data`,
		cause: "A secret of the definition could not be read: it is not there, or the execution role may not read it.",
		next:  []string{describe + " --query 'taskDefinition.containerDefinitions[].secrets'", "aws secretsmanager list-secrets"}},
	{name: "log group missing", reason: `(?i)(log group|loggroup)\b.*(not exist|not found)|(ResourceNotFoundException|failed to (create|validate|initialize)).*(log group|logger|log stream|awslogs)`,
		cause: "The log group of a container does not exist.",
		next:  []string{"aws logs create-log-group --log-group-name {group}", "or set the log option awslogs-create-group to true in the task definition", runAgain}},
	{name: "not initialized", reason: `ResourceInitializationError`,
		cause: "What the task needs before its containers could not be made ready.", next: []string{describe, runAgain}},

	// What containers wait for.
	{name: "dependency failed", reason: `container ordering dependency \[([^(\]]+)\(.*as dependency did not exit successfully`,
		cause: "Container {container} waits for the success of {1}, which has failed.", next: []string{seeLog, runAgain}},
	{name: "dependency too slow", reason: `container ordering dependency \[([^(\]]+)\(.*has timed out`,
		cause: "Container {container} waits for {1}, which took longer than its startTimeout (3 minutes where it has none).",
		next:  []string{"give {1} a longer startTimeout", seeLog, runAgain}},
	{name: "dependency hopeless", reason: `container ordering dependency \[([^(\]]+)\(`,
		cause: "Container {container} waits for what container {1} will never be.", next: []string{describe + " --query 'taskDefinition.containerDefinitions[].dependsOn'", runAgain}},

	// The start of a container.
	{name: "other architecture", reason: `exec format error`, cause: "The program in {image} was built for another processor, or is a script without a #! line.",
		next: []string{"docker image inspect {image} --format '{{.Architecture}}'  # and uname -m on this machine", "docker build --platform linux/amd64 ..."}},
	{name: "other architecture, by the log", log: `exec format error`, cause: "A program in {image} was built for another processor, or is a script without a #! line.",
		next: []string{"docker image inspect {image} --format '{{.Architecture}}'  # and uname -m on this machine", "docker build --platform linux/amd64 ..."}},
	{name: "not executable", reason: `(CannotStart|CannotCreate).*permission denied`, cause: "The command of container {container} is a file that may not be executed.",
		next: []string{"RUN chmod +x the entrypoint in the Dockerfile of {image}", runAgain}},
	{name: "no such command", reason: `executable file not found|(CannotStart|CannotCreate).*(exec|stat|starting container process).*no such file or directory`,
		cause: "There is no such program in {image}: the entryPoint or command is wrong, or its interpreter is missing.",
		next:  []string{describe + " --query 'taskDefinition.containerDefinitions[].[name,entryPoint,command]'", "a command with spaces or && needs a shell: [\"sh\",\"-c\",\"...\"]"}},
	{name: "port taken", reason: `port is already allocated|address already in use`, cause: "A port of the host that the task needs is in use.",
		next: []string{"ss -ltnp  # who has it", "leave hostPort out of the port mapping: a free one is taken"}},
	{name: "port taken, by the log", log: `(?i)address already in use|EADDRINUSE`, cause: "Container {container} listens on a port that another process has, maybe another container of the task.",
		next: []string{"containers of a task in awsvpc or host mode share ports: give each its own", seeLog}},
	{name: "timeout", reason: `(DockerTimeoutError|ContainerRuntimeTimeoutError)`, cause: "The container runtime did not answer in time: the machine has too much to do.",
		next: []string{"uptime  # and berth ps: what else runs there", runAgain}},
	{name: "read-only", log: `(?i)read-only file system`, when: failed, cause: "The program writes to its root file system, which is read-only.",
		next: []string{"mount a volume where it writes, or set readonlyRootFilesystem to false", seeLog}},

	// Memory.
	{name: "out of memory", reason: `OutOfMemory`, cause: "Container {container} used up its memory ({memory}) and was killed.",
		next: []string{"raise memory in the task definition {family}, of the container or of the task", seeLog}},
	{name: "killed", exits: []int32{137}, when: notOrdered, cause: "Container {container} was killed from outside: by the kernel when the machine was short of memory, or by somebody there.",
		next: []string{"dmesg | grep -i 'killed process'  # on the machine", seeLog}},
	{name: "killed at the end of its timeout", exits: []int32{137}, cause: "Container {container} did not end on SIGTERM and was killed after its stopTimeout.",
		next: []string{"let the program handle SIGTERM; a shell as first process passes none on: use exec", "or raise stopTimeout in the task definition"}},

	// How it was stopped.
	{name: "deregistered", reason: `deregistration forced`, cause: "Its container instance was deregistered by force while the task was there.",
		next: []string{"aws ecs list-container-instances --cluster {cluster}", runAgain}},
	{name: "machine lost", reason: `has not answered for`, cause: "The agent of the machine was gone for too long, and nobody could tell what became of the task.",
		next: []string{"look after that machine: its power, its network, the agent on it", runAgain}},
	{name: "shut down", reason: `Berth was shut down`, cause: "Berth was ended, and took its tasks along.", next: []string{"berth dev --keep-tasks  # leaves them running next time", runAgain}},
	{name: "shim gone", reason: `shim`, when: stopped, cause: "The process that owns the task's containers died, and the task with it.",
		next: []string{"dmesg  # on the machine: who killed it", runAgain}},
	{name: "load balancer", reason: `failed ELB health checks`, cause: "The load balancer found the task unhealthy.", next: []string{seeLog, "curl the health check's path from inside the VPC"}},
	{name: "draining", status: []ecs.Status{ecs.Deactivating}, cause: "Requests that are under way may end; new ones go elsewhere. That takes the deregistration delay of the target groups at most.",
		next: []string{"aws elbv2 describe-target-groups --query 'TargetGroups[].[TargetGroupName,TargetGroupArn]'", "aws elbv2 describe-target-health --target-group-arn ARN  # what drains"}},
	{name: "unhealthy", reason: `failed container health checks`, cause: "An essential container failed its health check as often as it may.",
		next: []string{describe + " --query 'taskDefinition.containerDefinitions[].healthCheck'", seeLog}},
	{name: "spot", codes: []api.TaskStopCode{api.TaskStopCodeSpotInterruption}, cause: "Its Spot capacity was taken back.", next: []string{runAgain}},
	{name: "ordered", codes: []api.TaskStopCode{api.TaskStopCodeUserInitiated}, cause: "Somebody called StopTask: it did as it was told.",
		next: []string{"berth events --task {task}  # what happened when"}},

	// How a process ended.
	{name: "command not found", exits: []int32{127}, cause: "A shell in container {container} did not find a command.", next: []string{seeLog, describe + " --query 'taskDefinition.containerDefinitions[].[name,entryPoint,command]'"}},
	{name: "command not executable", exits: []int32{126}, cause: "A shell in container {container} found a command that it may not execute.", next: []string{"chmod +x it in the Dockerfile of {image}", seeLog}},
	{name: "segmentation fault", exits: []int32{139}, cause: "The program crashed: it touched memory that is not its own.", next: []string{seeLog, "try an older {image}, and the machine's architecture"}},
	{name: "aborted", exits: []int32{134}, cause: "The program gave itself up: a failed assertion, or a runtime out of memory.", next: []string{seeLog}},
	{name: "illegal instruction", exits: []int32{132}, cause: "The program uses instructions that this machine's processor does not have.", next: []string{"build {image} for an older processor", "lscpu  # on the machine"}},
	{name: "terminated", exits: []int32{143}, when: notOrdered, cause: "The main process of container {container} got SIGTERM though nobody stopped the task: from another process in it, or on the machine.", next: []string{seeLog}},
	{name: "ended well", exits: []int32{0}, when: stopped, cause: "The essential container {container} came to its end with success, which ends the task: right for a job, wrong for a server.",
		next: []string{seeLog, "a server must stay in the foreground; a sidecar that may end is essential: false"}},
	{name: "failed by itself", when: func(f *facts) bool {
		return f.of != nil && f.of.ExitCode != nil && *f.of.ExitCode != 0 && notOrdered(f)
	},
		cause: "The program in container {container} ended with a failure of its own.", next: []string{seeLog, runAgain}},

	// What still lives.
	{name: "agent away", status: []ecs.Status{ecs.Provisioning, ecs.Pending}, when: func(f *facts) bool { return !f.c.Connected },
		cause: "Nothing happens to a task while the agent of its machine is away.", next: []string{"start the agent on that machine again, and look at its log", "berth stop {task}"}},
	{name: "pulling", status: []ecs.Status{ecs.Provisioning, ecs.Pending}, when: func(f *facts) bool { return !f.t.PullStartedAt.IsZero() && f.t.PullStoppedAt.IsZero() },
		cause: "Its images are on their way.", next: []string{"berth events --follow --task {task}"}},
	{name: "not registered", status: []ecs.Status{ecs.Activating}, cause: "A target group is not there any more, or the agent has not told the host port of the container that is to be registered.",
		next: []string{"aws ecs describe-services --cluster {cluster} --services SERVICE --query 'services[].loadBalancers'", "aws elbv2 describe-target-groups --query 'TargetGroups[].TargetGroupArn'"}},
	{name: "runs unhealthy", status: []ecs.Status{ecs.Running}, when: func(f *facts) bool { return f.t.Health() == api.HealthStatusUnhealthy },
		cause: "The command of the health check fails inside the container.", next: []string{describe + " --query 'taskDefinition.containerDefinitions[].healthCheck'", seeLog}},
}
