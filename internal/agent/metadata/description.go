package metadata

import (
	"slices"
	"time"
)

// Description is a task as its containers see it: the shape of version 4 of the task metadata, in the ECS agent's order.
type Description struct {
	Cluster            string
	TaskARN            string
	Family             string
	Revision           string
	DesiredStatus      string `json:",omitzero"`
	KnownStatus        string
	Limits             *Limits   `json:",omitzero"`
	PullStartedAt      time.Time `json:",omitzero"`
	PullStoppedAt      time.Time `json:",omitzero"`
	ExecutionStoppedAt time.Time `json:",omitzero"`
	AvailabilityZone   string    `json:",omitzero"`
	// TaskTags, ContainerInstanceTags, and Errors of those that could not be had, are of taskWithTags alone.
	TaskTags                map[string]string `json:",omitempty"`
	ContainerInstanceTags   map[string]string `json:",omitempty"`
	LaunchType              string            `json:",omitzero"`
	Errors                  []TagsError       `json:",omitempty"`
	Containers              []Container       `json:",omitempty"`
	VPCID                   string            `json:",omitzero"`
	ServiceName             string            `json:",omitzero"`
	ClockDrift              *ClockDrift       `json:",omitzero"`
	EphemeralStorageMetrics *EphemeralStorage `json:",omitzero"` // of a task on Fargate
	FaultInjectionEnabled   *bool             `json:",omitzero"`
}

// Limits are what a task or a container may use: vCPUs of a task, CPU units of a container, and MiB of memory.
type Limits struct {
	CPU    *float64 `json:",omitzero"`
	Memory *int32   `json:",omitzero"`
}

// Container is a container as it sees itself.
type Container struct {
	ID            string `json:"-"` // its name in the path
	DockerID      string `json:"DockerId"`
	Name          string
	DockerName    string
	Image         string
	ImageID       string
	Ports         []Port            `json:",omitempty"`
	Labels        map[string]string `json:",omitempty"`
	DesiredStatus string
	KnownStatus   string
	ExitCode      *int `json:",omitzero"`
	Limits        Limits
	CreatedAt     time.Time `json:",omitzero"`
	StartedAt     time.Time `json:",omitzero"`
	FinishedAt    time.Time `json:",omitzero"`
	Type          string
	Health        *Health           `json:",omitzero"`
	Volumes       []Volume          `json:",omitempty"`
	LogDriver     string            `json:",omitzero"`
	LogOptions    map[string]string `json:",omitempty"`
	ContainerARN  string            `json:",omitzero"`
	Networks      []Network         `json:",omitempty"`
	RestartCount  *int              `json:",omitzero"` // of a container with a restart policy
}

// Port is a container's port, and the host's where it has one of its own.
type Port struct {
	ContainerPort uint16 `json:",omitzero"`
	Protocol      string `json:",omitzero"`
	HostPort      uint16 `json:",omitzero"`
	HostIP        string `json:"HostIp,omitzero"`
}

// Health is what a container's health check found. Status is empty while it has found nothing.
type Health struct {
	Status      string    `json:"status,omitzero"` // "HEALTHY" or "UNHEALTHY"
	StatusSince time.Time `json:"statusSince,omitzero"`
	ExitCode    int       `json:"exitCode,omitzero"`
	Output      string    `json:"output,omitzero"`
}

// Volume is what is mounted in a container.
type Volume struct {
	DockerName  string `json:",omitzero"`
	Source      string `json:",omitzero"`
	Destination string `json:",omitzero"`
}

// Network is where a container is reached. What follows the addresses is of network mode awsvpc.
type Network struct {
	NetworkMode              string
	IPv4Addresses            []string `json:",omitempty"`
	AttachmentIndex          *int     `json:",omitzero"`
	MACAddress               string   `json:",omitzero"`
	IPv4SubnetCIDRBlock      string   `json:",omitzero"`
	DomainNameServers        []string `json:",omitempty"`
	PrivateDNSName           string   `json:",omitzero"`
	SubnetGatewayIPv4Address string   `json:"SubnetGatewayIpv4Address,omitzero"`
}

// TagsError is why tags could not be had.
type TagsError struct {
	ErrorField   string `json:",omitzero"`
	ErrorCode    string `json:",omitzero"`
	ErrorMessage string `json:",omitzero"`
	StatusCode   int    `json:",omitzero"`
	RequestID    string `json:"RequestId,omitzero"`
	ResourceARN  string `json:",omitzero"`
}

// ClockDrift is how well the machine's clock is known to be right.
type ClockDrift struct {
	ClockErrorBound            float64   `json:",omitzero"` // milliseconds
	ReferenceTimestamp         time.Time `json:",omitzero"`
	ClockSynchronizationStatus string    `json:",omitzero"` // "SYNCHRONIZED" or "NOT_SYNCHRONIZED"
}

// EphemeralStorage is what a task takes of its ephemeral storage and what there is, in MiB.
type EphemeralStorage struct {
	Utilized, Reserved int64
}

// container returns the container of that name in the path, or nil.
func (d *Description) container(id string) *Container {
	i := slices.IndexFunc(d.Containers, func(c Container) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return &d.Containers[i]
}

// older is the task in the shape of versions 2 and 3.
func (d Description) older() Description {
	d.LaunchType, d.Errors, d.VPCID, d.ServiceName, d.ClockDrift, d.EphemeralStorageMetrics, d.FaultInjectionEnabled = "", nil, "", "", nil, nil, nil
	created := make([]Container, 0, len(d.Containers))
	for _, c := range d.Containers {
		if c.DockerID != "" {
			created = append(created, c.older())
		}
	}
	d.Containers = created
	return d
}

// older is the container in the shape of versions 2 and 3.
func (c Container) older() Container {
	c.LogDriver, c.LogOptions, c.ContainerARN, c.RestartCount = "", nil, "", nil
	c.Ports = slices.Clone(c.Ports)
	for i := range c.Ports {
		c.Ports[i].HostIP = ""
	}
	networks := make([]Network, 0, len(c.Networks))
	for _, n := range c.Networks {
		networks = append(networks, Network{NetworkMode: n.NetworkMode, IPv4Addresses: n.IPv4Addresses})
	}
	c.Networks = networks
	return c
}
