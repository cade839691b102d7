package ecs

import (
	"slices"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
)

// Instance is the record of one identity of a machine, by id: a container instance, or a member of the Fargate pool,
// which no listing of the API shows. A machine has one agent, and one session for each of its identities.
type Instance struct {
	ID      string `json:"id"`
	Cluster string `json:"cluster"` // name
	// Pool is empty for a container instance and [FargatePool] for a Fargate identity.
	Pool string `json:"pool,omitzero"`
	// Machine names the account in the placement ledger that this identity draws on.
	Machine string `json:"machine"`
	// Protocol is the version of Berth's additions to the agent protocol that the agent speaks; 0: Amazon's agent.
	Protocol int `json:"protocol,omitzero"`

	Status        string `json:"status"` // ACTIVE, DRAINING or INACTIVE
	StatusReason  string `json:"statusReason,omitzero"`
	EC2InstanceID string `json:"ec2InstanceId,omitzero"`
	Zone          string `json:"zone"` // availability zone
	// Located: the machine said itself in which zone it is. One that did not is wherever its tasks' subnets are.
	Located bool `json:"located,omitzero"`

	Capacity   placement.Capacity `json:"capacity"`
	Reserved   []placement.Port   `json:"reserved,omitzero"` // ports that the machine keeps for itself
	GPUs       []string           `json:"gpus,omitzero"`     // ids
	Resources  []api.Resource     `json:"resources,omitzero"`
	Attributes []api.Attribute    `json:"attributes,omitzero"`
	Tags       []api.Tag          `json:"tags,omitzero"`

	// Agent is what the agent says of itself when it connects.
	Agent Agent `json:"agent,omitzero"`
	// Session is the agent's present session, nil while it has none.
	Session *Session `json:"session,omitzero"`
	// DisconnectedAt is when the last session ended.
	DisconnectedAt time.Time `json:"disconnectedAt,omitzero"`
	// Health is what the agent has reported of the machine, one of each type.
	Health []InstanceHealth `json:"health,omitzero"`

	RegisteredAt   time.Time `json:"registeredAt"`
	DeregisteredAt time.Time `json:"deregisteredAt,omitzero"`
	// Abandoned says that tasks were live when the instance was deregistered: to the control plane they have ended, on the
	// machine they go on until the agent is told, which is at LeftAt.
	Abandoned bool      `json:"abandoned,omitzero"`
	LeftAt    time.Time `json:"leftAt,omitzero"`
	Version   int64     `json:"version"` // counts changes
}

// Agent is the version of an agent and of what runs its containers.
type Agent struct {
	Version string `json:"version,omitzero"`
	Hash    string `json:"hash,omitzero"`
	Docker  string `json:"docker,omitzero"`
}

// Session names an agent's connection, and the run of the server that holds it.
type Session struct {
	ID     string `json:"id"`
	Server string `json:"server"`
}

// FargatePool is the pool of machines that run tasks of launch type FARGATE.
const FargatePool = "fargate"

// The statuses of a container instance.
const (
	instanceActive   = "ACTIVE"
	instanceDraining = "DRAINING"
	instanceInactive = "INACTIVE"
)

// ExternalAttribute is carried by container instances that are not the cluster owner's own machines: those of ECS Anywhere.
const ExternalAttribute = "ecs.capability.external"

// Attributes by which an agent of Berth tells what it is.
const (
	PoolAttribute     = "berth.pool"
	MachineAttribute  = "berth.machine"
	ProtocolAttribute = "berth.protocol"
)

// Protocol is the newest version of Berth's additions to the agent protocol: 1 has the addresses by which hosts reach
// tasks, 2 reports on tasks by the socket.
const Protocol = 3

// shown tells whether the API shows the instance.
func (i *Instance) shown() bool { return i.Pool == "" }

// launchType is that of the tasks that the instance runs.
func (i *Instance) launchType() api.LaunchType {
	switch {
	case i.Pool == FargatePool:
		return api.LaunchTypeFargate
	case slices.ContainsFunc(i.Attributes, func(a api.Attribute) bool { return a.Name == ExternalAttribute }):
		return api.LaunchTypeExternal
	}
	return api.LaunchTypeEc2
}
