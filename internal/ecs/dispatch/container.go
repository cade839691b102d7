package dispatch

import (
	"cmp"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/acs"
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

type taskRow = store.Row[ecs.Task]

// merged is a container's definition with the overrides of RunTask in it. Lists of the definition are not changed.
func merged(c *api.ContainerDefinition, overrides *api.TaskOverride) api.ContainerDefinition {
	out := *c
	for _, o := range overrides.ContainerOverrides {
		if o.Name != c.Name {
			continue
		}
		if len(o.Command) > 0 {
			out.Command = o.Command
		}
		if o.Cpu != nil {
			out.Cpu = *o.Cpu
		}
		out.Memory = cmp.Or(o.Memory, out.Memory)
		out.MemoryReservation = cmp.Or(o.MemoryReservation, out.MemoryReservation)
		out.Environment = slices.Concat(out.Environment, o.Environment) // the last of a name counts
		if len(o.EnvironmentFiles) > 0 {
			out.EnvironmentFiles = o.EnvironmentFiles
		}
		if len(o.ResourceRequirements) > 0 {
			out.ResourceRequirements = o.ResourceRequirements
		}
	}
	return out
}

// builder makes the containers of one task.
type builder struct {
	row       taskRow
	mode      string // network mode
	protocol  int
	dockerAPI string
	executes  bool // the task has an execution role
	// executable says that commands may be executed in the container.
	executable bool
}

func (b *builder) container(c *api.ContainerDefinition) acs.Container {
	out := acs.Container{
		Name:             c.Name,
		Image:            c.Image,
		Command:          unlessEmpty(c.Command),
		EntryPoint:       unlessEmpty(c.EntryPoint),
		Cpu:              c.Cpu,
		Memory:           value(c.Memory),
		Essential:        c.Essential == nil || *c.Essential,
		Environment:      variables(c.Environment),
		Links:            c.Links,
		StartTimeout:     c.StartTimeout,
		StopTimeout:      c.StopTimeout,
		CredentialSpecs:  c.CredentialSpecs,
		Overrides:        "{}",
		DockerConfig:     b.docker(c),
		LogsAuthStrategy: b.logsAuth(c.LogConfiguration),
	}
	if recorded, ok := b.row.Value.Container(c.Name); ok {
		out.ContainerArn = ecs.ContainerARN(b.row.Scope, b.row.Value, recorded)
		out.Image = cmp.Or(recorded.Pinned, recorded.Image, out.Image)
	}
	if b.executable {
		out.ManagedAgents = []acs.ManagedAgent{{Name: acs.ManagedAgentNameExecuteCommandAgent}}
	}
	if c.HealthCheck != nil {
		out.HealthCheckType = acs.HealthCheckTypeDocker
	}
	for _, p := range c.PortMappings {
		out.PortMappings = append(out.PortMappings, acs.PortMapping{
			ContainerPort: p.ContainerPort, HostPort: p.HostPort, ContainerPortRange: p.ContainerPortRange,
			Protocol: acs.TransportProtocol(cmp.Or(p.Protocol, api.TransportProtocolTcp)),
		})
	}
	for _, m := range c.MountPoints {
		out.MountPoints = append(out.MountPoints, acs.MountPoint{SourceVolume: m.SourceVolume, ContainerPath: m.ContainerPath, ReadOnly: isTrue(m.ReadOnly)})
	}
	for _, v := range c.VolumesFrom {
		out.VolumesFrom = append(out.VolumesFrom, acs.VolumeFrom{SourceContainer: v.SourceContainer, ReadOnly: isTrue(v.ReadOnly)})
	}
	for _, d := range c.DependsOn {
		out.DependsOn = append(out.DependsOn, acs.ContainerDependency{ContainerName: d.ContainerName, Condition: acs.ContainerCondition(d.Condition)})
	}
	for _, f := range c.EnvironmentFiles {
		out.EnvironmentFiles = append(out.EnvironmentFiles, acs.EnvironmentFile{Value: f.Value, Type: acs.EnvironmentFileType(f.Type)})
	}
	for _, s := range c.Secrets {
		out.Secrets = append(out.Secrets, b.secret(s, acs.SecretTargetContainer))
	}
	if c.LogConfiguration != nil {
		for _, s := range c.LogConfiguration.SecretOptions {
			out.Secrets = append(out.Secrets, b.secret(s, acs.SecretTargetLogDriver))
		}
	}
	if p := c.RestartPolicy; p != nil {
		out.RestartPolicy = &acs.RestartPolicy{Enabled: isTrue(p.Enabled), IgnoredExitCodes: p.IgnoredExitCodes, RestartAttemptPeriod: p.RestartAttemptPeriod}
	}
	if f := c.FirelensConfiguration; f != nil {
		out.FirelensConfiguration = &acs.FirelensConfiguration{Type: acs.FirelensConfigurationType(f.Type), Options: f.Options}
	}
	if r := c.RepositoryCredentials; r != nil {
		out.RegistryAuthentication = &acs.RegistryAuthenticationData{
			Type:        acs.AuthenticationTypeAsm,
			AsmAuthData: &acs.ASMAuthData{CredentialsParameter: r.CredentialsParameter, Region: regionOf(r.CredentialsParameter, b.row.Scope.Region)},
		}
	}
	return out
}

// logsAuth tells the agent to ship logs with the credentials of the execution role, as it does whenever there is one.
func (b *builder) logsAuth(l *api.LogConfiguration) acs.AuthStrategy {
	if l != nil && l.LogDriver == api.LogDriverAwslogs && b.executes {
		return acs.AuthStrategyExecutionRole
	}
	return ""
}

// secret names a secret and who keeps it: Secrets Manager by its ARN, Parameter Store by any other ARN or name.
func (b *builder) secret(s api.Secret, target acs.SecretTarget) acs.Secret {
	out := acs.Secret{
		Name: s.Name, ValueFrom: s.ValueFrom, Region: regionOf(s.ValueFrom, b.row.Scope.Region),
		Provider: acs.SecretProviderSsm, Type: acs.SecretTypeEnvironmentVariable, Target: target,
	}
	if f := strings.SplitN(s.ValueFrom, ":", 4); len(f) == 4 && f[0] == "arn" && f[2] == "secretsmanager" {
		out.Provider = acs.SecretProviderAsm
	}
	return out
}

// regionOf is the region of an ARN, or the one given.
func regionOf(arn, region string) string {
	if f := strings.SplitN(arn, ":", 5); len(f) == 5 && f[0] == "arn" && f[3] != "" {
		return f[3]
	}
	return region
}

// unlessEmpty makes an empty list an absent one: to Docker an empty entry point is one, and none of the image's.
func unlessEmpty(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

func value(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}
