package ecs

import (
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
)

// Task is a task's record, by id. What stands before Stop never changes once it is committed.
type Task struct {
	ID         string         `json:"id"` // 32 hexadecimal digits
	Cluster    string         `json:"cluster"`
	Definition Revision       `json:"definition"`
	LaunchType api.LaunchType `json:"launchType"`
	// CapacityProvider is the provider whose share of a strategy the task is; empty for a task run by launch type.
	CapacityProvider string `json:"capacityProvider,omitzero"`
	// NetworkMode is the definition's.
	NetworkMode api.NetworkMode `json:"networkMode"`

	// Instance is the identity that runs the task, Machine the account its Demand is on.
	Instance string           `json:"instance"`
	Machine  string           `json:"machine"`
	Zone     string           `json:"zone"`
	Demand   placement.Demand `json:"demand"`

	// Service is the name of the service that the task is of, and Revision the id of the service revision that it was made of; empty for
	// a task of no service.
	Service  string `json:"service,omitzero"`
	Revision string `json:"revision,omitzero"`
	// Targets are where it is registered while it runs: with them its life has ACTIVATING and DEACTIVATING.
	Targets []TaskTarget `json:"targets,omitzero"`

	Group           string `json:"group"`
	StartedBy       string `json:"startedBy,omitzero"`
	ReferenceID     string `json:"referenceId,omitzero"`
	CPULimit        int64  `json:"cpuLimit,omitzero"`    // of the whole task, in units; 0: none
	MemoryLimit     int64  `json:"memoryLimit,omitzero"` // of the whole task, in MiB; 0: none
	PlatformVersion string `json:"platformVersion,omitzero"`
	PlatformFamily  string `json:"platformFamily,omitzero"`
	Architecture    string `json:"architecture"` // "x86_64", "arm64"
	EphemeralGiB    int32  `json:"ephemeralGiB,omitzero"`
	// Overrides are those of RunTask; the roles are the overrides' or the definition's.
	Overrides     api.TaskOverride `json:"overrides,omitzero"`
	TaskRole      string           `json:"taskRole,omitzero"`
	ExecutionRole string           `json:"executionRole,omitzero"`
	// LogMode is the account setting defaultLogDriverMode at the time of RunTask: how containers log whose definition does not say; empty: as
	// Berth does by itself.
	LogMode string `json:"logMode,omitzero"`
	// Executable says that commands may be executed in its containers: enableExecuteCommand.
	Executable bool      `json:"executable,omitzero"`
	Tags       []api.Tag `json:"tags,omitzero"`
	CreatedAt  time.Time `json:"createdAt"`

	// Stop is the order to stop, nil while the task should run. API handlers and reconcilers write it, once.
	Stop *Stop `json:"stop,omitzero"`

	// ProtectedUntil is when the protection of a service's task ends; zero, or past: it has none.
	ProtectedUntil time.Time `json:"protectedUntil,omitzero"`

	// Counted says that the end of a service's task is in its service's count of failures, if it is one.
	Counted bool `json:"counted,omitzero"`

	// What follows is observed: agents' reports write it, and the task reconciler where no agent is left to report.
	Status             Status       `json:"status"`
	ConnectedAt        time.Time    `json:"connectedAt,omitzero"` // first report
	PullStartedAt      time.Time    `json:"pullStartedAt,omitzero"`
	PullStoppedAt      time.Time    `json:"pullStoppedAt,omitzero"`
	StartedAt          time.Time    `json:"startedAt,omitzero"`
	EndingAt           time.Time    `json:"endingAt,omitzero"` // first sign of its end
	ExecutionStoppedAt time.Time    `json:"executionStoppedAt,omitzero"`
	StoppedAt          time.Time    `json:"stoppedAt,omitzero"`
	End                *Stop        `json:"end,omitzero"` // why it stopped without an order
	Containers         []Container  `json:"containers"`
	Attachments        []Attachment `json:"attachments,omitzero"`
	// Registered is as what the task was registered with the groups of its targets, at RegisteredAt, until DeregisteredAt. The
	// task reconciler writes it, and what observes the end of the task.
	Registered     []Registration `json:"registered,omitzero"`
	RegisteredAt   time.Time      `json:"registeredAt,omitzero"`
	DeregisteredAt time.Time      `json:"deregisteredAt,omitzero"`

	// Version counts the changes that are events: who follows those compares it. Health, tags and protection are in none.
	Version int64 `json:"version"`
}

// Stop says why a task stops.
type Stop struct {
	Code   api.TaskStopCode `json:"code"`
	Reason string           `json:"reason"`
	At     time.Time        `json:"at"`
	// Now says that it does not wait until its targets have drained. They are deregistered all the same.
	Now bool `json:"now,omitzero"`
}

// Container is one container of a task.
type Container struct {
	ID    string `json:"id"` // UUID, of the container's ARN
	Name  string `json:"name"`
	Image string `json:"image"`
	// Pinned is the image that it is run of, where its service has resolved the tag: "web:1@sha256:..."; empty: of Image.
	Pinned            string `json:"pinned,omitzero"`
	Essential         bool   `json:"essential,omitzero"`
	Checked           bool   `json:"checked,omitzero"` // it has a health check
	CPU               int32  `json:"cpu,omitzero"`
	Memory            int32  `json:"memory,omitzero"`            // MiB; 0: no limit of its own
	MemoryReservation int32  `json:"memoryReservation,omitzero"` // MiB
	// GPUs are the ids of those that the container was given.
	GPUs []string `json:"gpus,omitzero"`

	// Observed.
	Status          Status               `json:"status"` // PENDING, RUNNING, STOPPED
	RuntimeID       string               `json:"runtimeId,omitzero"`
	ImageDigest     string               `json:"imageDigest,omitzero"`
	ExitCode        *int32               `json:"exitCode,omitzero"`
	Reason          string               `json:"reason,omitzero"`
	NetworkBindings []api.NetworkBinding `json:"networkBindings,omitzero"`
	Health          api.HealthStatus     `json:"health,omitzero"`
	HealthOutput    string               `json:"healthOutput,omitzero"` // what the check printed that found it so
	Ended           int                  `json:"ended,omitzero"`        // as how-manieth of the task's containers it ended: 1 is the first; 0: not known
	// ManagedAgent is the agent by which commands are executed in it; nil while nothing is known of one.
	ManagedAgent *ManagedAgent `json:"managedAgent,omitzero"`
}

// ManagedAgent is what ECS calls ExecuteCommandAgent, as the container agent reports it.
type ManagedAgent struct {
	Status    string    `json:"status"` // PENDING, RUNNING, STOPPED
	Reason    string    `json:"reason,omitzero"`
	StartedAt time.Time `json:"startedAt,omitzero"` // last
}

// Attachment ties a network interface to a task.
type Attachment struct {
	ID        string    `json:"id"`     // UUID, of the attachment's ARN
	Status    string    `json:"status"` // PRECREATED, ATTACHED, DELETED
	Interface Interface `json:"interface"`
}

// The statuses of an attachment.
const (
	AttachmentPrecreated = "PRECREATED"
	AttachmentAttached   = "ATTACHED"
	AttachmentDeleted    = "DELETED"
)

// Interface is the network interface of an awsvpc task, as the VPC service made it.
type Interface struct {
	ID             string   `json:"id"` // eni-...
	VPC            string   `json:"vpc"`
	VPCCIDR        string   `json:"vpcCidr"` // the VPC's whole range: "172.31.0.0/16"
	Subnet         string   `json:"subnet"`
	Zone           string   `json:"zone"` // availability zone
	SecurityGroups []string `json:"securityGroups"`
	MAC            string   `json:"mac"`
	Address        string   `json:"address"` // IPv4
	CIDR           string   `json:"cidr"`    // of the subnet: "172.31.0.0/20"
	Gateway        string   `json:"gateway"` // "172.31.0.1"
	DNS            []string `json:"dns"`
	PrivateDNSName string   `json:"privateDnsName"`
}

// Ending tells whether the task is to stop: ordered to, or already on its way.
func (t *Task) Ending() bool { return t.Stop != nil || !t.EndingAt.IsZero() }

// Desired is the status that the API shows as desiredStatus. The agent is told to stop a little later where targets have to drain: see Told.
func (t *Task) Desired() api.DesiredStatus {
	if t.Ending() {
		return api.DesiredStatusStopped
	}
	return api.DesiredStatusRunning
}

// Told is the status that the agent is told to bring about. A task that is to stop, and is registered with load balancers, goes on until
// its connections have drained.
func (t *Task) Told() api.DesiredStatus {
	if t.Ending() && !t.drains() {
		return api.DesiredStatusStopped
	}
	return api.DesiredStatusRunning
}

// Why is the order to stop, or what ended the task; nil while neither is there. An order that came first is the reason.
func (t *Task) Why() *Stop {
	if t.Stop != nil {
		return t.Stop
	}
	return t.End
}

// stoppingAt is when the task was told to stop, or showed the first sign of its end; zero while it should run.
func (t *Task) stoppingAt() time.Time {
	if t.Stop != nil && (t.EndingAt.IsZero() || t.Stop.At.Before(t.EndingAt)) {
		return t.Stop.At
	}
	return t.EndingAt
}

// Container returns the container of a name.
func (t *Task) Container(name string) (*Container, bool) {
	for i := range t.Containers {
		if t.Containers[i].Name == name {
			return &t.Containers[i], true
		}
	}
	return nil, false
}

// gpus are the ids of the GPUs that the task was given.
func (t *Task) gpus() (ids []string) {
	for _, c := range t.Containers {
		ids = append(ids, c.GPUs...)
	}
	return ids
}

// clone is a copy that may be changed. Lists of API values are shared: replace them whole.
func (t *Task) clone() *Task {
	c := *t
	c.Containers = append([]Container(nil), t.Containers...)
	c.Attachments = append([]Attachment(nil), t.Attachments...)
	c.Registered = append([]Registration(nil), t.Registered...)
	return &c
}
