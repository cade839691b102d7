package agent

import (
	"runtime"
	"slices"
	"strconv"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// Protocol is the version of what Berth's own agents say and understand beyond Amazon's protocol. Since 2 they report on
// tasks by their socket, since 3 they open sessions into containers.
const Protocol = 3

// Attributes by which Berth's agents tell what Amazon's cannot.
const (
	ProtocolAttribute = "berth.protocol"
	MachineAttribute  = "berth.machine"
	PoolAttribute     = "berth.pool"
)

// ExternalAttribute is how ECS knows an external instance, and interfaceAttribute one that gives tasks network interfaces.
const (
	ExternalAttribute  = "ecs.capability.external"
	interfaceAttribute = "ecs.capability.task-eni"
)

// capabilities are what the agent does itself, whatever the engine: it ships logs, attaches networks, provides volumes, reads secrets, hands out the
// credentials of roles and stops each container in its own time. Images of ECR it pulls as any other, when it does not have
// them. Task definitions that need one ask for it by name.
var capabilities = []string{
	"com.amazonaws.ecs.capability.ecr-auth",
	"com.amazonaws.ecs.capability.task-iam-role",
	"com.amazonaws.ecs.capability.task-iam-role-network-host",
	"ecs.capability.container-health-check",
	"ecs.capability.container-ordering",
	"ecs.capability.container-restart-policy",
	"ecs.capability.docker-plugin.local",
	"ecs.capability.efs",
	"ecs.capability.efsAuth",
	"ecs.capability.execute-command",
	"ecs.capability.execution-role-awslogs",
	"ecs.capability.execution-role-ecr-pull",
	"ecs.capability.extensible-ephemeral-storage",
	"ecs.capability.network.container-port-range",
	"ecs.capability.pid-ipc-namespace-sharing",
	"ecs.capability.private-registry-authentication.secretsmanager",
	"ecs.capability.secrets.asm.bootstrap.log-driver",
	"ecs.capability.secrets.asm.environment-variables",
	"ecs.capability.secrets.ssm.bootstrap.log-driver",
	"ecs.capability.secrets.ssm.environment-variables",
	interfaceAttribute,
}

// Attributes are what an identity of a machine with that engine registers with.
func Attributes(machine string, identity Identity, info engine.Info) []ecs.Attribute {
	all := []ecs.Attribute{
		{Name: "ecs.os-type", Value: "linux"},
		{Name: "ecs.os-family", Value: "LINUX"},
		{Name: "ecs.cpu-architecture", Value: architecture()},
		{Name: ProtocolAttribute, Value: strconv.Itoa(Protocol)},
		{Name: MachineAttribute, Value: machine},
	}
	if identity.Fargate {
		all = append(all, ecs.Attribute{Name: PoolAttribute, Value: "fargate"})
	}
	names := slices.Concat(capabilities, logCapabilities(), info.Capabilities)
	if identity.External {
		names = append(slices.DeleteFunc(names, func(name string) bool { return name == interfaceAttribute }), ExternalAttribute)
	}
	for _, name := range names {
		all = append(all, ecs.Attribute{Name: name})
	}
	return append(all, identity.Attributes...)
}

// architecture is the machine's in ECS's words.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

// reservedPorts are those that the ECS agent reserves: ssh, Docker, and its own.
var reservedPorts = []int{22, 2375, 2376, 51678, 51679}

// resources are what the machine has.
func (a *Agent) resources(info engine.Info) []ecs.Resource {
	cpu, memory := a.CPU, a.Memory
	if cpu == 0 {
		cpu = int64(info.CPUs) * 1024
	}
	if memory == 0 {
		memory = info.Memory
	}
	return Resources(cpu, memory, a.ReservedPorts)
}

// Resources are what a machine registers with: CPU units, bytes of memory, and the TCP ports of the host that no container
// can have beside those that every agent reserves.
func Resources(cpu, memory int64, reserved []int) []ecs.Resource {
	var ports []string
	for _, p := range slices.Concat(reservedPorts, reserved) {
		ports = append(ports, strconv.Itoa(p))
	}
	return []ecs.Resource{
		{Name: "CPU", Type: "INTEGER", IntegerValue: int32(cpu)},
		{Name: "MEMORY", Type: "INTEGER", IntegerValue: int32(memory >> 20)},
		{Name: "PORTS", Type: "STRINGSET", StringSetValue: ports},
		{Name: "PORTS_UDP", Type: "STRINGSET", StringSetValue: []string{}},
	}
}
