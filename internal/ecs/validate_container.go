package ecs

import (
	"regexp"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

var containerName = regexp.MustCompile(`^[a-zA-Z0-9\-_]{1,255}$`)

func validateContainer(r *api.RegisterTaskDefinitionRequest, c *api.ContainerDefinition, task size) error {
	switch {
	case c.Name == "":
		return clientException("Container.name should not be null or empty.")
	case !containerName.MatchString(c.Name):
		return clientException("Invalid container name: %q. Up to 255 letters (uppercase and lowercase), numbers, hyphens, and underscores are allowed.", c.Name)
	case c.Image == "":
		return clientException("Container.image should not be null or empty.")
	case len(c.Image) > 255 && !strings.Contains(c.Image, "@sha256:"):
		return clientException("Invalid 'image' setting for container '%s': it has more than 255 characters.", c.Name)
	case c.Cpu < 0:
		return clientException("Invalid 'cpu' setting for container '%s'.", c.Name)
	case c.StopTimeout != nil && *c.StopTimeout < 0:
		return clientException("Invalid 'stopTimeout' setting for container '%s'.", c.Name)
	case c.HealthCheck != nil && len(c.HealthCheck.Command) == 0:
		return clientException("Invalid 'healthCheck' setting for container '%s': command must be specified.", c.Name)
	case c.Hostname != "" && r.NetworkMode == api.NetworkModeAwsvpc:
		return clientException("Invalid 'hostname' setting for container '%s': it is not supported with networkMode=awsvpc.", c.Name)
	}
	for _, check := range []func() error{
		func() error { return validateMemory(c, task) },
		func() error { return validatePorts(r.NetworkMode, c) },
		func() error { return validateEnvironment(c.Name, c.Environment) },
		func() error { return validateUlimits(c) },
		func() error { return validateTmpfs(c) },
		func() error { return validateSystemControls(r.NetworkMode, c) },
		func() error { return validateLogs(c, requires(r, api.CompatibilityFargate)) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func validateMemory(c *api.ContainerDefinition, task size) error {
	least := func(n *int32) bool { return n == nil || *n >= minContainerMiB }
	switch {
	case !least(c.Memory):
		return clientException("Invalid 'memory' setting for container '%s': it must be at least %d MiB.", c.Name, minContainerMiB)
	case !least(c.MemoryReservation):
		return clientException("Invalid 'memoryReservation' setting for container '%s': it must be at least %d MiB.", c.Name, minContainerMiB)
	case task.memory == 0 && c.Memory == nil && c.MemoryReservation == nil:
		return clientException("Invalid setting for container '%s'. At least one of 'memory' or 'memoryReservation' must be specified.", c.Name)
	case c.Memory != nil && c.MemoryReservation != nil && *c.MemoryReservation > *c.Memory:
		return clientException("Invalid setting for container '%s'. The 'memory' must be greater than or equal to the 'memoryReservation'.", c.Name)
	case task.memory > 0 && c.Memory != nil && int64(*c.Memory) > task.memory:
		return clientException("The 'memory' setting for container is greater than for the task.")
	}
	return nil
}

func validatePorts(mode api.NetworkMode, c *api.ContainerDefinition) error {
	if mode == api.NetworkModeNone && len(c.PortMappings) > 0 {
		return clientException("When networkMode=none, port mappings are not supported: container '%s' has some.", c.Name)
	}
	for _, p := range c.PortMappings {
		if p.ContainerPort == nil || *p.ContainerPort < 1 || *p.ContainerPort > 65535 {
			return clientException("Invalid 'containerPort' setting for container '%s'.", c.Name)
		}
		if p.HostPort == nil {
			continue
		}
		if *p.HostPort < 0 || *p.HostPort > 65535 {
			return clientException("Invalid 'hostPort' setting for container '%s'.", c.Name)
		}
		if mode != "" && *p.HostPort != 0 && *p.HostPort != *p.ContainerPort {
			return clientException("When networkMode=%s, the host ports and container ports in port mappings must match.", mode)
		}
	}
	return nil
}

// validateEnvironment takes a name for every variable: without one it would be no variable at all.
func validateEnvironment(container string, environment []api.KeyValuePair) error {
	for _, v := range environment {
		if v.Name == "" || strings.ContainsAny(v.Name, "=\x00") || strings.Contains(v.Value, "\x00") {
			return clientException("Invalid 'environment' setting for container '%s': %q can't name a variable or have the value given.", container, v.Name)
		}
	}
	return nil
}
