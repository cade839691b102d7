package definition

import (
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

// Beginnings of the names by which agents tell what they can do.
const (
	classic    = "com.amazonaws.ecs.capability."
	capability = "ecs.capability."
)

// attributes are those that a container instance must carry to run the definition, by name. Agents register them as they
// can: what each asks for is known from Amazon's agent and from answers of ECS.
func attributes(r *request) []api.Attribute {
	names := []string{classic + "docker-remote-api.1.18"}
	names = append(names, taskAttributes(r)...)
	for i := range r.Volumes {
		names = append(names, volumeAttributes(&r.Volumes[i])...)
	}
	for i := range r.ContainerDefinitions {
		c, role := &r.ContainerDefinitions[i], r.ExecutionRoleArn != ""
		for _, of := range [][]string{imageAttributes(c, role), logAttributes(c, role), containerAttributes(c), kernelAttributes(c)} {
			names = append(names, of...)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	all := make([]api.Attribute, len(names))
	for i, name := range names {
		all[i].Name = name
	}
	return all
}

// needs lists the names of what is so.
type needs []string

func (n *needs) when(so bool, names ...string) {
	if so {
		*n = append(*n, names...)
	}
}

func taskAttributes(r *request) (n needs) {
	n.when(r.NetworkMode == api.NetworkModeAwsvpc, capability+"task-eni")
	n.when(r.TaskRoleArn != "" && r.NetworkMode != api.NetworkModeHost, classic+"task-iam-role")
	n.when(r.TaskRoleArn != "" && r.NetworkMode == api.NetworkModeHost, classic+"task-iam-role-network-host")
	n.when(r.PidMode != "" || r.IpcMode != "", capability+"pid-ipc-namespace-sharing")
	n.when(r.ProxyConfiguration != nil, capability+"aws-appmesh")
	n.when(r.EphemeralStorage != nil, capability+"extensible-ephemeral-storage")
	n.when(isSet(r.EnableFaultInjection), capability+"fault-injection")
	return n
}

func volumeAttributes(v *api.Volume) (n needs) {
	if d := v.DockerVolumeConfiguration; d != nil {
		driver := d.Driver
		if driver == "" {
			driver = "local"
		}
		n.when(true, capability+"docker-plugin."+driver, classic+"docker-remote-api.1.25")
	}
	if e := v.EfsVolumeConfiguration; e != nil {
		n.when(true, capability+"efs", classic+"docker-remote-api.1.25")
		n.when(e.AuthorizationConfig != nil, capability+"efsAuth")
	}
	n.when(v.S3filesVolumeConfiguration != nil, capability+"storage.s3-files")
	n.when(v.FsxWindowsFileServerVolumeConfiguration != nil, capability+"fsxWindowsFileServer")
	n.when(isSet(v.ConfiguredAtLaunch), capability+"storage.ebs-task-attach")
	return n
}

func imageAttributes(c *container, role bool) (n needs) {
	n.when(isECR(c.Image), classic+"ecr-auth", classic+"docker-remote-api.1.19")
	n.when(isECR(c.Image) && role, capability+"execution-role-ecr-pull")
	n.when(c.RepositoryCredentials != nil, capability+"private-registry-authentication.secretsmanager")
	return n
}

func logAttributes(c *container, role bool) (n needs) {
	if l := c.LogConfiguration; l != nil {
		n.when(true, classic+"logging-driver."+string(l.LogDriver), classic+"docker-remote-api.1.19")
		n.when(role && l.LogDriver == api.LogDriverAwslogs, capability+"execution-role-awslogs")
		n.when(l.Options["log-driver-buffer-limit"] != "", capability+"logging-driver.awsfirelens.log-driver-buffer-limit")
		for _, s := range l.SecretOptions {
			n.when(fromSecretsManager(s), capability+"secrets.asm.bootstrap.log-driver")
			n.when(!fromSecretsManager(s), capability+"secrets.ssm.bootstrap.log-driver")
		}
	}
	if f := c.FirelensConfiguration; f != nil {
		n.when(true, capability+"firelens."+string(f.Type))
		n.when(f.Options[optionConfigType] != "", capability+"firelens.options.config."+f.Options[optionConfigType])
	}
	return n
}

func containerAttributes(c *container) (n needs) {
	for _, s := range c.Secrets {
		n.when(fromSecretsManager(s), capability+"secrets.asm.environment-variables")
		n.when(!fromSecretsManager(s), capability+"secrets.ssm.environment-variables")
	}
	for _, p := range c.PortMappings {
		n.when(p.ContainerPortRange != "", capability+"network.container-port-range")
	}
	for _, s := range c.CredentialSpecs {
		n.when(strings.HasPrefix(s, "credentialspec:"), capability+"gmsa")
		n.when(strings.HasPrefix(s, "credentialspecdomainless:"), capability+"gmsa-domainless")
	}
	for _, o := range c.DockerSecurityOptions {
		n.when(strings.HasPrefix(o, "apparmor"), classic+"apparmor")
	}
	n.when(len(c.EnvironmentFiles) > 0, capability+"env-files.s3")
	n.when(len(c.DependsOn) > 0 || c.StartTimeout != nil || c.StopTimeout != nil, capability+"container-ordering")
	n.when(c.RestartPolicy != nil && isSet(c.RestartPolicy.Enabled), capability+"container-restart-policy")
	if c.HealthCheck != nil {
		n.when(true, capability+"container-health-check", classic+"docker-remote-api.1.24")
		n.when(c.HealthCheck.StartPeriod != nil, classic+"docker-remote-api.1.29")
	}
	return n
}

func kernelAttributes(c *container) (n needs) {
	n.when(c.MemoryReservation != nil, classic+"docker-remote-api.1.21")
	n.when(isSet(c.Privileged), classic+"privileged-container")
	if l := c.LinuxParameters; l != nil {
		n.when(isSet(l.InitProcessEnabled), classic+"docker-remote-api.1.25")
		n.when(len(l.Tmpfs) > 0 || valueOf(l.SharedMemorySize) != 0, classic+"docker-remote-api.1.22")
	}
	return n
}
