package task

import (
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/metadata"
)

// description is what the task's metadata endpoint knows of it.
func (t *task) description() metadata.Task {
	return metadata.Task{ID: t.id, HasRole: t.payload.RoleCredentials != nil, Describe: t.describe}
}

// describe is the task as its containers see it in their metadata.
func (t *task) describe() metadata.Description {
	t.mu.Lock()
	seen := t.seen
	t.mu.Unlock()
	d := metadata.Description{
		Cluster: t.cluster(), TaskARN: t.payload.Arn, Family: t.payload.Family, Revision: t.payload.Version,
		DesiredStatus: running, KnownStatus: running, LaunchType: t.payload.LaunchType, AvailabilityZone: t.payload.Zone,
	}
	if t.isStopping() {
		d.DesiredStatus = stopped
	}
	if t.payload.Cpu != nil || t.payload.Memory != nil {
		d.Limits = &metadata.Limits{CPU: t.payload.Cpu, Memory: t.payload.Memory}
	}
	for i := range t.payload.Containers {
		c := &t.payload.Containers[i]
		known := metadata.Container{
			ID: t.metadataID(c.Name), Name: c.Name, DockerName: t.dockerName(c.Name), Image: c.Image, ContainerARN: c.ContainerArn,
			Labels: labels(&t.payload, c, t.cluster()), DesiredStatus: d.DesiredStatus, KnownStatus: "CREATED", Type: "NORMAL",
		}
		if c.Cpu > 0 || c.Memory > 0 {
			cpu := float64(c.Cpu)
			known.Limits = &metadata.Limits{CPU: &cpu, Memory: &c.Memory}
		}
		if l := logConfig(c); l.Type != "" {
			known.LogDriver, known.LogOptions = l.Type, l.Config
		}
		if s := find(seen, c.Name); s != nil {
			known.DockerID, known.ImageID = s.RuntimeID, s.ImageDigest
			known.CreatedAt, known.StartedAt, known.FinishedAt = s.CreatedAt, s.StartedAt, s.FinishedAt
			switch s.State {
			case engine.Running:
				known.KnownStatus = running
			case engine.Stopped:
				if known.KnownStatus = stopped; s.ExitKnown {
					known.ExitCode = &s.ExitCode
				}
			}
		}
		if known.KnownStatus == "CREATED" {
			d.KnownStatus = "CREATED"
		}
		known.Networks = t.networks()
		d.Containers = append(d.Containers, known)
	}
	return d
}

// networks is where the task's containers are reached.
func (t *task) networks() []metadata.Network {
	n := metadata.Network{NetworkMode: t.payload.NetworkMode}
	for _, eni := range t.payload.ElasticNetworkInterfaces {
		n.MACAddress, n.PrivateDNSName = eni.MacAddress, eni.PrivateDnsName
		n.SubnetGatewayIPv4Address, n.DomainNameServers = eni.SubnetGatewayIpv4Address, eni.DomainNameServers
		for _, a := range eni.Ipv4Addresses {
			n.IPv4Addresses = append(n.IPv4Addresses, a.PrivateAddress)
		}
	}
	return []metadata.Network{n}
}

// dockerName is the name that the ECS agent gives a container.
func (t *task) dockerName(container string) string {
	return "ecs-" + t.payload.Family + "-" + t.payload.Version + "-" + container + "-" + t.id[:20]
}
