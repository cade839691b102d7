package ecs

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
)

// validateFargate checks what Fargate alone asks for.
func validateFargate(r *api.RegisterTaskDefinitionRequest) error {
	switch {
	case r.NetworkMode != api.NetworkModeAwsvpc:
		return clientException("Fargate only supports network mode ‘awsvpc’.")
	case r.Cpu == "":
		return clientException("Fargate requires that 'cpu' be defined at the task level.")
	case r.Memory == "":
		return clientException("Fargate requires that 'memory' be defined at the task level.")
	}
	s, err := sizeOf(r)
	if err != nil {
		return err
	}
	if !fargateOffers(s.cpu, s.memory) {
		return clientException("No Fargate configuration exists for given values: %d CPU, %d memory. See the Amazon ECS documentation for the valid values.", s.cpu, s.memory)
	}
	for i := range r.ContainerDefinitions {
		c := &r.ContainerDefinitions[i]
		if what := unfitForFargate(c); what != "" {
			return clientException("Fargate compatible task definitions do not support %s", what)
		}
		if c.StopTimeout != nil && *c.StopTimeout > 120 {
			return clientException("Invalid 'stopTimeout' setting for container '%s': Fargate stops a container within 120 seconds.", c.Name)
		}
		if r.ExecutionRoleArn != "" {
			continue
		}
		if isECR(c.Image) {
			return clientException("Fargate requires task definition to have execution role ARN to support ECR images.")
		}
		if c.LogConfiguration != nil && c.LogConfiguration.LogDriver == api.LogDriverAwslogs {
			return clientException("Fargate requires task definition to have execution role ARN to support log driver awslogs.")
		}
	}
	return nil
}

// unfitForFargate names the first setting of a container that Fargate does not have; it also decides whether a
// definition that does not ask for Fargate is compatible with it.
func unfitForFargate(c *api.ContainerDefinition) string {
	if isSet(c.Privileged) {
		return "privileged"
	}
	if len(c.DockerSecurityOptions) > 0 {
		return "dockerSecurityOptions"
	}
	l := c.LinuxParameters
	switch {
	case l == nil:
		return ""
	case len(l.Devices) > 0:
		return "devices"
	case valueOf(l.SharedMemorySize) != 0:
		return "sharedMemorySize"
	case l.Capabilities != nil && slices.ContainsFunc(l.Capabilities.Add, func(s string) bool { return s != "SYS_PTRACE" }):
		return "adding capabilities other than SYS_PTRACE"
	}
	return ""
}
