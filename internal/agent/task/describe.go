package task

import (
	"maps"
	"net/netip"
	"strings"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/metadata"
)

// States that only the agent knows: an image that is there, and a container that is made of it.
const (
	pulled  = "PULLED"
	created = "CREATED"
)

// description is what the task's metadata endpoint knows of it.
func (t *task) description() metadata.Task {
	m := metadata.Task{ID: t.id, Identity: t.identity, HasRole: t.payload.RoleCredentials != nil,
		OwnAddress: t.payload.NetworkMode == "awsvpc", Describe: t.describe, Measured: t.measured}
	for _, a := range t.payload.Associations {
		associated := metadata.Associated{Type: string(a.Type), Name: a.Name, Containers: a.Containers}
		if a.Content != nil {
			associated.Content = a.Content.Value
		}
		m.Associated = append(m.Associated, associated)
	}
	return m
}

// describe is the task as its containers see it in their metadata.
func (t *task) describe() metadata.Description {
	t.mu.Lock()
	seen, pulls := t.seen, t.pulls
	t.mu.Unlock()
	enabled := false // what enables it is refused
	d := metadata.Description{
		Cluster: t.cluster(), TaskARN: t.payload.Arn, Family: t.payload.Family, Revision: t.payload.Version,
		DesiredStatus: running, KnownStatus: stopped, LaunchType: t.payload.LaunchType, AvailabilityZone: t.payload.Zone,
		PullStartedAt: pulls.started.UTC(), PullStoppedAt: pulls.stopped.UTC(),
		ServiceName: t.payload.ServiceName, FaultInjectionEnabled: &enabled,
	}
	if t.isStopping() {
		d.DesiredStatus = stopped
	}
	if t.payload.Cpu != nil || t.payload.Memory != nil {
		d.Limits = &metadata.Limits{CPU: t.payload.Cpu, Memory: t.payload.Memory}
	}
	d.EphemeralStorageMetrics = t.describeStorage()
	for _, eni := range t.payload.ElasticNetworkInterfaces {
		d.VPCID = eni.BerthVpcId
	}
	if t.payload.LaunchType == "FARGATE" {
		d.ClockDrift = metadata.Clock()
	}
	for i := range t.payload.Containers {
		c := t.describeContainer(&t.payload.Containers[i], find(seen, t.payload.Containers[i].Name))
		c.DesiredStatus = d.DesiredStatus
		if progressOf[c.KnownStatus] < progressOf[d.KnownStatus] {
			d.KnownStatus = c.KnownStatus
		}
		d.Containers = append(d.Containers, c)
	}
	return d
}

// progressOf orders what is known of containers: a task is as far as the one that is least far.
var progressOf = map[string]int{pulled: 1, created: 2, running: 3, stopped: 4}

// describeContainer is a container as it sees itself; s is nil until the engine has it.
func (t *task) describeContainer(c *acs.Container, s *engine.ContainerStatus) metadata.Container {
	cpu := float64(c.Cpu)
	known := metadata.Container{
		ID: t.metadataID(c.Name), Name: c.Name, DockerName: t.dockerName(c.Name), Image: c.Image, ContainerARN: c.ContainerArn,
		Labels: labels(&t.payload, c, t.cluster()), KnownStatus: pulled, Type: "NORMAL",
		Limits: metadata.Limits{CPU: &cpu, Memory: &c.Memory}, Networks: t.networks(c, s),
	}
	if t.payload.LaunchType == "FARGATE" { // there no container is without a share, and only a limit that was set is told
		if cpu = max(cpu, minCPUShares); c.Memory == 0 {
			known.Limits.Memory = nil
		}
	}
	known.LogDriver, known.LogOptions = t.describeLog(c, s)
	if s == nil {
		return known
	}
	known.DockerID, known.ImageID, known.KnownStatus = s.RuntimeID, s.ImageDigest, created
	known.CreatedAt, known.StartedAt, known.FinishedAt = s.CreatedAt.UTC(), s.StartedAt.UTC(), s.FinishedAt.UTC()
	known.Ports, known.Health = t.ports(c, s), t.describeHealth(c, s)
	known.Volumes = t.describeVolumes(c)
	if r := restarts(c, s); r != nil {
		known.RestartCount = r
	}
	switch s.State {
	case engine.Running:
		known.KnownStatus = running
	case engine.Stopped:
		if known.KnownStatus = stopped; s.ExitKnown {
			known.ExitCode = &s.ExitCode
		}
	}
	return known
}

// describeLog is a container's log driver and its options, as ECS tells them: the stream instead of what it is made of.
func (t *task) describeLog(c *acs.Container, s *engine.ContainerStatus) (driver string, options map[string]string) {
	l := logConfig(c)
	if l.Type != "awslogs" {
		return l.Type, l.Config
	}
	options = maps.Clone(l.Config)
	if prefix := options["awslogs-stream-prefix"]; prefix != "" {
		delete(options, "awslogs-stream-prefix")
		options["awslogs-stream"] = prefix + "/" + c.Name + "/" + t.id
	} else if s != nil {
		options["awslogs-stream"] = s.RuntimeID
	}
	return l.Type, options
}

// restarts is how often a container with a restart policy was started again; nil for another.
func restarts(c *acs.Container, s *engine.ContainerStatus) *int {
	if !restartable(c) {
		return nil
	}
	n := max(s.Runs-1, 0)
	return &n
}

// ports are a container's ports as its metadata shows them. Where the task has its own address, each is the task's own.
func (t *task) ports(c *acs.Container, s *engine.ContainerStatus) []metadata.Port {
	var ports []metadata.Port
	if t.payload.NetworkMode == "bridge" {
		for _, b := range t.bindings(c, s) {
			if b.ContainerPort != nil {
				ports = append(ports, metadata.Port{ContainerPort: uint16(*b.ContainerPort), HostPort: uint16(*b.HostPort),
					HostIP: b.BindIP, Protocol: string(b.Protocol)})
			}
		}
		return ports
	}
	for _, m := range c.PortMappings {
		if m.ContainerPort == nil {
			continue
		}
		p := metadata.Port{ContainerPort: uint16(*m.ContainerPort), HostPort: uint16(*m.ContainerPort), Protocol: strings.ToLower(string(m.Protocol))}
		ports = append(ports, p)
	}
	return ports
}

// networks is where a container is reached.
func (t *task) networks(c *acs.Container, s *engine.ContainerStatus) []metadata.Network {
	n := metadata.Network{NetworkMode: t.payload.NetworkMode}
	switch own := t.ownOf(c.Name); {
	case own != nil && own.Address.IsValid():
		n.IPv4Addresses, n.MACAddress = []string{own.Address.String()}, own.MAC
	case s != nil && s.Address.IsValid():
		n.IPv4Addresses = []string{s.Address.String()}
	}
	first := 0
	for _, eni := range t.payload.ElasticNetworkInterfaces {
		n.MACAddress, n.PrivateDNSName, n.AttachmentIndex = eni.MacAddress, eni.PrivateDnsName, &first
		n.SubnetGatewayIPv4Address, n.DomainNameServers = eni.SubnetGatewayIpv4Address, eni.DomainNameServers
		if gateway, err := netip.ParsePrefix(eni.SubnetGatewayIpv4Address); err == nil {
			n.IPv4SubnetCIDRBlock = gateway.Masked().String()
		}
		for _, a := range eni.Ipv4Addresses {
			n.IPv4Addresses = append(n.IPv4Addresses, a.PrivateAddress)
		}
	}
	if n.IPv4Addresses == nil {
		n.IPv4Addresses = []string{""} // as Docker tells of a container without an address of its own
	}
	return []metadata.Network{n}
}

// dockerName is the name that the ECS agent gives a container.
func (t *task) dockerName(container string) string {
	return "ecs-" + t.payload.Family + "-" + t.payload.Version + "-" + container + "-" + t.id[:20]
}
