package dispatch

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/berth-dev/berth/api/acs"
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
)

// taskOf is a task as its agent gets it, with the credentials of its roles.
func (s *session) taskOf(id string, now time.Time) (acs.Task, error) {
	row, ok := s.d.Tables.Tasks.Get(s.key.scope, id)
	if !ok {
		return acs.Task{}, fmt.Errorf("task %s is gone", id)
	}
	t := row.Value
	definition, ok := s.d.Tables.TaskDefinitions.Get(s.key.scope, t.Definition.Key())
	if !ok {
		return acs.Task{}, fmt.Errorf("its task definition %s is gone", t.Definition)
	}
	out := build(row, &definition.Value.Definition, s.protocol, s.dockerAPI)
	var err error
	if out.RoleCredentials, err = s.credentials(id, t, acs.RoleTypeTaskApplication, now); err != nil {
		return out, err
	}
	out.ExecutionRoleCredentials, err = s.credentials(id, t, acs.RoleTypeTaskExecution, now)
	return out, err
}

// build makes a task of the agent protocol of a task's record and its definition: overrides are merged, for the protocol
// knows an override of the command alone.
func build(row taskRow, def *api.TaskDefinition, protocol int, dockerAPI string) acs.Task {
	t, mode := row.Value, networkMode(row.Value.NetworkMode)
	out := acs.Task{
		Arn:                     ecs.TaskARN(row.Scope, t.Cluster, row.ID),
		TaskClusterArn:          ecs.ClusterARN(row.Scope, t.Cluster),
		Family:                  t.Definition.Family,
		Version:                 strconv.Itoa(t.Definition.Number),
		DesiredStatus:           string(t.Told()),
		Overrides:               "{}",
		LaunchType:              string(t.LaunchType),
		NetworkMode:             mode,
		Group:                   t.Group,
		Zone:                    t.Zone,
		PidMode:                 string(def.PidMode),
		IpcMode:                 string(def.IpcMode),
		Cpu:                     vcpus(t.CPULimit),
		Memory:                  mebibytes(t.MemoryLimit),
		ProxyConfiguration:      proxy(def.ProxyConfiguration),
		EnableFaultInjection:    def.EnableFaultInjection,
		TaskDefinitionAccountId: row.Scope.Account,
	}
	if protocol > 0 {
		out.BerthCpuArchitecture = architecture(def.RuntimePlatform)
		if t.EphemeralGiB > 0 {
			out.BerthEphemeralStorageGiB = &t.EphemeralGiB
		}
	}
	if service, ok := strings.CutPrefix(t.Group, "service:"); ok {
		out.ServiceName = service
	}
	for _, v := range def.Volumes {
		out.Volumes = append(out.Volumes, volume(v))
	}
	for _, a := range t.Attachments {
		out.ElasticNetworkInterfaces = append(out.ElasticNetworkInterfaces, networkInterface(row, a))
	}
	for _, c := range t.Containers {
		for _, id := range c.GPUs {
			out.Associations = append(out.Associations, acs.Association{Type: acs.AssociationTypeGpu, Name: id, Containers: []string{c.Name}})
		}
	}
	for i := range def.ContainerDefinitions {
		c := merged(&def.ContainerDefinitions[i], &t.Overrides)
		b := builder{row: row, mode: mode, protocol: protocol, dockerAPI: dockerAPI, executes: t.ExecutionRole != "", executable: t.Executable}
		out.Containers = append(out.Containers, b.container(&c))
	}
	return out
}

// architecture is the one that a definition names, in the words of image platforms; empty when it names none.
func architecture(p *api.RuntimePlatform) string {
	switch {
	case p == nil:
		return ""
	case p.CpuArchitecture == api.CPUArchitectureX8664:
		return "amd64"
	case p.CpuArchitecture == api.CPUArchitectureArm64:
		return "arm64"
	}
	return ""
}

// networkMode is the mode, with the default of definitions that name none.
func networkMode(mode api.NetworkMode) string {
	if mode == "" {
		return string(api.NetworkModeBridge)
	}
	return string(mode)
}

// vcpus is a limit that records hold in units of 1024 a vCPU; nil when there is none.
func vcpus(units int64) *float64 {
	if units == 0 {
		return nil
	}
	n := float64(units) / 1024
	return &n
}

// mebibytes is a limit, nil when there is none.
func mebibytes(limit int64) *int32 {
	if limit == 0 {
		return nil
	}
	n := int32(limit)
	return &n
}

func proxy(p *api.ProxyConfiguration) *acs.ProxyConfiguration {
	if p == nil {
		return nil
	}
	return &acs.ProxyConfiguration{Type: acs.ProxyConfigurationType(p.Type), ContainerName: p.ContainerName, Properties: variables(p.Properties)}
}

func variables(pairs []api.KeyValuePair) map[string]string {
	if len(pairs) == 0 {
		return nil
	}
	m := make(map[string]string, len(pairs))
	for _, p := range pairs {
		m[p.Name] = p.Value
	}
	return m
}

// networkInterface is a task's interface as an agent attaches it.
func networkInterface(row taskRow, a ecs.Attachment) acs.ElasticNetworkInterface {
	n := a.Interface
	out := acs.ElasticNetworkInterface{
		AttachmentArn:     ecs.AttachmentARN(row.Scope, a.ID),
		Ec2Id:             n.ID,
		MacAddress:        n.MAC,
		Ipv4Addresses:     []acs.IPv4AddressAssignment{{PrivateAddress: n.Address, Primary: true}},
		DomainNameServers: n.DNS,
		PrivateDnsName:    n.PrivateDNSName,
		BerthVpcId:        n.VPC,
		BerthVpcCidr:      n.VPCCIDR,
	}
	if subnet, err := netip.ParsePrefix(n.CIDR); err == nil {
		out.SubnetGatewayIpv4Address = n.Gateway + "/" + strconv.Itoa(subnet.Bits())
	}
	return out
}

func volume(v api.Volume) acs.Volume {
	out := acs.Volume{Name: v.Name}
	switch {
	case v.DockerVolumeConfiguration != nil:
		d := v.DockerVolumeConfiguration
		out.Type = acs.VolumeTypeDocker
		out.DockerVolumeConfiguration = &acs.DockerVolumeConfiguration{
			Scope: acs.Scope(d.Scope), Autoprovision: isTrue(d.Autoprovision), Driver: d.Driver, DriverOpts: d.DriverOpts, Labels: d.Labels,
		}
	case v.EfsVolumeConfiguration != nil:
		e := v.EfsVolumeConfiguration
		out.Type = acs.VolumeTypeEfs
		out.EfsVolumeConfiguration = &acs.EFSVolumeConfiguration{
			FileSystemId: e.FileSystemId, RootDirectory: e.RootDirectory,
			TransitEncryption: acs.EFSTransitEncryption(e.TransitEncryption), TransitEncryptionPort: e.TransitEncryptionPort,
		}
		if auth := e.AuthorizationConfig; auth != nil {
			out.EfsVolumeConfiguration.AuthorizationConfig = &acs.EFSAuthorizationConfig{
				AccessPointId: auth.AccessPointId, Iam: acs.EFSAuthorizationConfigIAM(auth.Iam),
			}
		}
	default:
		out.Type, out.Host = acs.VolumeTypeHost, &acs.HostVolumeProperties{}
		if v.Host != nil {
			out.Host.SourcePath = v.Host.SourcePath
		}
	}
	return out
}

func isTrue(b *bool) bool { return b != nil && *b }
