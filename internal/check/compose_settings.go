package check

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/api/ecs"
)

// setting is a setting of a compose file's service.
type setting struct {
	key string
	// put asks for the same in a task definition. Nil: nothing in it has to.
	put func(s types.ServiceConfig, r *ecs.RegisterTaskDefinitionRequest, c *ecs.ContainerDefinition)
	// differs is how ECS does it, AWS's too, where that is not as Docker does.
	differs string
}

type (
	svc  = types.ServiceConfig
	task = *ecs.RegisterTaskDefinitionRequest
	ctr  = *ecs.ContainerDefinition
)

// settings are those that a task definition has a member for, or that need none.
var settings = []setting{
	{key: "annotations"}, {key: "attach"}, {key: "expose"}, {key: "extends"}, {key: "profiles"}, {key: "pull_policy"}, {key: "scale"},
	{key: "label_file"}, {key: "develop"},
	{key: "build", differs: "ECS builds no images: build it and bring it by `berth image import` or a registry"},
	{key: "container_name", differs: "containers are named by their service"},
	{key: "networks"},
	{key: "image", put: func(s svc, _ task, c ctr) { c.Image = s.Image }},
	{key: "command", put: func(s svc, _ task, c ctr) { c.Command = s.Command }},
	{key: "entrypoint", put: func(s svc, _ task, c ctr) { c.EntryPoint = s.Entrypoint }},
	{key: "environment", put: func(s svc, _ task, c ctr) {
		for name, value := range s.Environment {
			if value != nil {
				c.Environment = append(c.Environment, ecs.KeyValuePair{Name: name, Value: *value})
			}
		}
	}},
	{key: "env_file", put: func(s svc, _ task, c ctr) {
		for _, f := range s.EnvFiles {
			c.EnvironmentFiles = append(c.EnvironmentFiles, ecs.EnvironmentFile{Value: f.Path, Type: ecs.EnvironmentFileTypeS3})
		}
	}},
	{key: "ports", put: ports, differs: "in network mode awsvpc a task has an address of its own, and answers there at the container's own ports"},
	{key: "volumes", put: volumes},
	{key: "volumes_from", put: func(s svc, _ task, c ctr) {
		for _, from := range s.VolumesFrom {
			c.VolumesFrom = append(c.VolumesFrom, ecs.VolumeFrom{SourceContainer: from})
		}
	}},
	{key: "tmpfs", put: func(s svc, _ task, c ctr) {
		for _, path := range s.Tmpfs {
			path, _, _ = strings.Cut(path, ":")
			kernel(c).Tmpfs = append(kernel(c).Tmpfs, ecs.Tmpfs{ContainerPath: path, Size: 64})
		}
	}},
	{key: "cap_add", put: func(s svc, _ task, c ctr) {
		kernel(c).Capabilities = &ecs.KernelCapabilities{Add: s.CapAdd}
	}},
	{key: "cap_drop", put: func(s svc, _ task, c ctr) {
		kernel(c).Capabilities = &ecs.KernelCapabilities{Drop: s.CapDrop}
	}},
	{key: "init", put: func(s svc, _ task, c ctr) { kernel(c).InitProcessEnabled = s.Init }},
	{key: "shm_size", put: func(s svc, _ task, c ctr) { kernel(c).SharedMemorySize = mebibytes(s.ShmSize) }},
	{key: "memswap_limit", put: func(s svc, _ task, c ctr) { kernel(c).MaxSwap = mebibytes(s.MemSwapLimit) }},
	{key: "mem_swappiness", put: func(s svc, _ task, c ctr) { kernel(c).Swappiness = new(int32(s.MemSwappiness)) }},
	{key: "devices", put: func(s svc, _ task, c ctr) {
		for _, d := range s.Devices {
			kernel(c).Devices = append(kernel(c).Devices, ecs.Device{HostPath: d.Source, ContainerPath: d.Target})
		}
	}},
	{key: "mem_limit", put: func(s svc, r task, c ctr) { r.Memory, c.Memory = "", mebibytes(s.MemLimit) }},
	{key: "mem_reservation", put: func(s svc, r task, c ctr) { r.Memory, c.MemoryReservation = "", mebibytes(s.MemReservation) }},
	{key: "cpus", put: func(s svc, _ task, c ctr) { c.Cpu = int32(s.CPUS * 1024) }},
	{key: "cpu_shares", put: func(s svc, _ task, c ctr) { c.Cpu = int32(min(s.CPUShares, math.MaxInt32)) }},
	{key: "deploy", put: deploy, differs: "how many run, and how they are replaced, is of the ECS service and not of the task definition"},
	{key: "restart", put: func(s svc, _ task, c ctr) {
		if s.Restart != types.RestartPolicyNo {
			c.RestartPolicy = &ecs.ContainerRestartPolicy{Enabled: new(true)}
		}
	}},
	{key: "depends_on", put: func(s svc, _ task, c ctr) {
		for on, d := range s.DependsOn {
			c.DependsOn = append(c.DependsOn, ecs.ContainerDependency{ContainerName: on, Condition: conditions[d.Condition]})
		}
	}},
	{key: "healthcheck", put: healthCheck},
	{key: "hostname", put: func(s svc, _ task, c ctr) { c.Hostname = s.Hostname }},
	{key: "dns", put: func(s svc, _ task, c ctr) { c.DnsServers = s.DNS }},
	{key: "dns_search", put: func(s svc, _ task, c ctr) { c.DnsSearchDomains = s.DNSSearch }},
	{key: "extra_hosts", put: func(s svc, _ task, c ctr) {
		for host, addresses := range s.ExtraHosts {
			for _, address := range addresses {
				c.ExtraHosts = append(c.ExtraHosts, ecs.HostEntry{Hostname: host, IpAddress: address})
			}
		}
	}},
	{key: "links", put: func(s svc, _ task, c ctr) { c.Links = s.Links }},
	{key: "labels", put: func(s svc, _ task, c ctr) { c.DockerLabels = s.Labels }},
	{key: "logging", put: func(s svc, _ task, c ctr) {
		c.LogConfiguration = &ecs.LogConfiguration{LogDriver: cmp.Or(ecs.LogDriver(s.Logging.Driver), ecs.LogDriverJsonFile), Options: s.Logging.Options}
	}},
	{key: "privileged", put: func(s svc, _ task, c ctr) { c.Privileged = new(s.Privileged) }},
	{key: "read_only", put: func(s svc, _ task, c ctr) { c.ReadonlyRootFilesystem = new(s.ReadOnly) }},
	{key: "user", put: func(s svc, _ task, c ctr) { c.User = s.User }},
	{key: "working_dir", put: func(s svc, _ task, c ctr) { c.WorkingDirectory = s.WorkingDir }},
	{key: "stdin_open", put: func(s svc, _ task, c ctr) { c.Interactive = new(s.StdinOpen) }},
	{key: "tty", put: func(s svc, _ task, c ctr) { c.PseudoTerminal = new(s.Tty) }},
	{key: "stop_grace_period", put: func(s svc, _ task, c ctr) { c.StopTimeout = seconds(s.StopGracePeriod) }},
	{key: "ulimits", put: func(s svc, _ task, c ctr) {
		for name, u := range s.Ulimits {
			soft, hard := u.Soft, u.Hard
			if u.Single != 0 {
				soft, hard = u.Single, u.Single
			}
			c.Ulimits = append(c.Ulimits, ecs.Ulimit{Name: ecs.UlimitName(name), SoftLimit: int32(soft), HardLimit: int32(hard)})
		}
	}},
	{key: "sysctls", put: func(s svc, _ task, c ctr) {
		for name, value := range s.Sysctls {
			c.SystemControls = append(c.SystemControls, ecs.SystemControl{Namespace: name, Value: value})
		}
	}},
	{key: "secrets", put: func(s svc, _ task, c ctr) {
		for _, secret := range s.Secrets {
			c.Secrets = append(c.Secrets, ecs.Secret{Name: secret.Source, ValueFrom: secret.Source})
		}
	}},
	{key: "security_opt", put: func(s svc, _ task, c ctr) { c.DockerSecurityOptions = s.SecurityOpt }},
	{key: "credential_spec", put: func(s svc, _ task, c ctr) { c.CredentialSpecs = []string{"credentialspec:" + s.CredentialSpec.File} }},
	{key: "pid", put: func(s svc, r task, _ ctr) { r.PidMode = ecs.PidMode(s.Pid) }},
	{key: "ipc", put: func(s svc, r task, _ ctr) { r.IpcMode = ecs.IpcMode(s.Ipc) }},
	{key: "network_mode", put: func(s svc, r task, _ ctr) { r.NetworkMode = ecs.NetworkMode(s.NetworkMode) }},
	{key: "platform", put: platform},
	{key: "gpus", put: func(_ svc, _ task, c ctr) { c.ResourceRequirements = gpu }},
}

var gpu = []ecs.ResourceRequirement{{Type: ecs.ResourceTypeGpu, Value: "1"}}

// conditions are compose's conditions of a dependency in ECS's words.
var conditions = map[string]ecs.ContainerCondition{
	types.ServiceConditionStarted:               ecs.ContainerConditionStart,
	types.ServiceConditionHealthy:               ecs.ContainerConditionHealthy,
	types.ServiceConditionCompletedSuccessfully: ecs.ContainerConditionSuccess,
}

func kernel(c ctr) *ecs.LinuxParameters {
	if c.LinuxParameters == nil {
		c.LinuxParameters = &ecs.LinuxParameters{}
	}
	return c.LinuxParameters
}

func mebibytes(n types.UnitBytes) *int32 { return new(int32(min(n>>20, math.MaxInt32))) }

func seconds(d *types.Duration) *int32 {
	if d == nil {
		return nil
	}
	return new(int32(time.Duration(*d) / time.Second))
}

func ports(s svc, _ task, c ctr) {
	for _, p := range s.Ports {
		c.PortMappings = append(c.PortMappings, ecs.PortMapping{ContainerPort: new(int32(p.Target)), Protocol: ecs.TransportProtocol(p.Protocol)})
	}
}

func volumes(s svc, r task, c ctr) {
	for i, v := range s.Volumes {
		name := "volume" + strconv.Itoa(i)
		volume := ecs.Volume{Name: name}
		switch v.Type {
		case types.VolumeTypeTmpfs:
			kernel(c).Tmpfs = append(kernel(c).Tmpfs, ecs.Tmpfs{ContainerPath: v.Target, Size: 64})
			continue
		case types.VolumeTypeBind:
			volume.Host = &ecs.HostVolumeProperties{SourcePath: v.Source}
		case types.VolumeTypeVolume:
			volume.DockerVolumeConfiguration = &ecs.DockerVolumeConfiguration{Scope: ecs.ScopeShared}
		}
		r.Volumes = append(r.Volumes, volume)
		c.MountPoints = append(c.MountPoints, ecs.MountPoint{SourceVolume: name, ContainerPath: v.Target, ReadOnly: new(v.ReadOnly)})
	}
}

func healthCheck(s svc, _ task, c ctr) {
	h := s.HealthCheck
	if h.Disable {
		return
	}
	c.HealthCheck = &ecs.HealthCheck{Command: slices.Clone(h.Test), Interval: seconds(h.Interval), Timeout: seconds(h.Timeout), StartPeriod: seconds(h.StartPeriod)}
	if h.Retries != nil {
		c.HealthCheck.Retries = new(int32(min(*h.Retries, math.MaxInt32)))
	}
}

func deploy(s svc, r task, c ctr) {
	limits, reserved := s.Deploy.Resources.Limits, s.Deploy.Resources.Reservations
	if limits != nil && limits.MemoryBytes > 0 {
		r.Memory, c.Memory = "", mebibytes(limits.MemoryBytes)
	}
	if reserved != nil && len(reserved.Devices) > 0 {
		c.ResourceRequirements = gpu
	}
	if p := s.Deploy.RestartPolicy; p != nil && p.Condition != "none" {
		c.RestartPolicy = &ecs.ContainerRestartPolicy{Enabled: new(true)}
	}
}

// platform is "linux/arm64" or "windows".
func platform(s svc, r task, _ ctr) {
	system, processor, _ := strings.Cut(s.Platform, "/")
	r.RuntimePlatform = &ecs.RuntimePlatform{OperatingSystemFamily: ecs.OSFamilyLinux}
	if system != "linux" {
		r.RuntimePlatform.OperatingSystemFamily = ecs.OSFamily(strings.ToUpper(system))
	}
	if r.RuntimePlatform.CpuArchitecture = ecs.CPUArchitectureX8664; strings.HasPrefix(processor, "arm64") {
		r.RuntimePlatform.CpuArchitecture = ecs.CPUArchitectureArm64
	}
}
