package ecs

import (
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/ecs"
)

// What ECS says of a task definition that cannot be registered. The wire layer has checked types, enumerations and
// required members by then, and refused what Berth does not do.

const (
	maxContainers      = 10
	maxDefinitionBytes = 64 << 10
	minContainerMiB    = 6
)

// validate returns the error that ECS answers, nil for a definition that may be registered.
func validate(r *api.RegisterTaskDefinitionRequest) error {
	if !familyName.MatchString(r.Family) {
		return clientException("Invalid family: %q. Up to 255 letters (uppercase and lowercase), numbers, hyphens, and underscores are allowed.", r.Family)
	}
	if err := validateSize(r); err != nil {
		return err
	}
	for _, role := range []string{r.TaskRoleArn, r.ExecutionRoleArn} {
		if role != "" && !roleForm.MatchString(role) {
			return clientException("Role is not valid")
		}
	}
	if err := validateContainers(r); err != nil {
		return err
	}
	if requires(r, api.CompatibilityFargate) {
		return validateFargate(r)
	}
	if r.NetworkMode == "" {
		return clientException("Without networkMode a task runs in network mode bridge, which is not supported by Berth yet. " +
			"Set networkMode to awsvpc, host or none.")
	}
	if requires(r, api.CompatibilityExternal) && r.NetworkMode == api.NetworkModeAwsvpc {
		return clientException("External instances do not support network mode 'awsvpc'.")
	}
	return nil
}

var roleForm = regexp.MustCompile(`^(arn:[a-z-]+:iam::\d{12}:role/[\w+=,.@/-]{1,512}|[\w+=,.@-]{1,64})$`)

func requires(r *api.RegisterTaskDefinitionRequest, c api.Compatibility) bool {
	return slices.Contains(r.RequiresCompatibilities, c)
}

func validateSize(r *api.RegisterTaskDefinitionRequest) error {
	text, err := json.Marshal(r)
	if err != nil {
		return clientException("The task definition cannot be read: %v", err)
	}
	if len(text) > maxDefinitionBytes {
		return clientException("Actual length: '%d'. Max allowed length is '%d' bytes.", len(text), maxDefinitionBytes)
	}
	return nil
}

// size is a task's cpu and memory; an amount of 0 was not given.
type size struct{ cpu, memory int64 }

// sizeOf reads the task-level cpu and memory. EC2 takes any amount within its bounds; Fargate has a table of its own.
func sizeOf(r *api.RegisterTaskDefinitionRequest) (s size, err error) {
	var ok bool
	if r.Cpu != "" {
		if s.cpu, ok = parseCPU(r.Cpu); !ok || s.cpu < 128 || s.cpu > 196608 {
			return s, clientException("Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.")
		}
	}
	if r.Memory != "" {
		if s.memory, ok = parseMemory(r.Memory); !ok || s.memory < minContainerMiB {
			return s, clientException("Invalid 'memory' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.")
		}
	}
	return s, nil
}

func validateContainers(r *api.RegisterTaskDefinitionRequest) error {
	list := r.ContainerDefinitions
	if len(list) == 0 {
		return clientException("Container list cannot be empty.")
	}
	if len(list) > maxContainers {
		return clientException("Too many container definitions: %d. A task definition has at most %d.", len(list), maxContainers)
	}
	task, err := sizeOf(r)
	if err != nil {
		return err
	}
	var cpu, reserved int64
	essential := false
	names := map[string]bool{}
	for i := range list {
		c := &list[i]
		if err := validateContainer(r, c, task); err != nil {
			return err
		}
		if names[c.Name] {
			return clientException("Container names must be unique: there are several containers named '%s'.", c.Name)
		}
		names[c.Name] = true
		essential = essential || isEssential(c)
		cpu += int64(c.Cpu)
		reserved += int64(reservation(c))
	}
	switch {
	case !essential:
		return clientException("A task definition must have at least one essential container.")
	case task.cpu > 0 && cpu > task.cpu:
		return clientException("The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.")
	case task.memory > 0 && reserved > task.memory:
		return clientException("The sum of all container 'memoryReservation' values cannot be greater than the value of the task 'memory'.")
	}
	return nil
}

func isEssential(c *api.ContainerDefinition) bool { return c.Essential == nil || *c.Essential }

// reservation is what a container asks its machine to set aside, in MiB; its limit when it names no reservation.
func reservation(c *api.ContainerDefinition) int32 {
	switch {
	case c.MemoryReservation != nil:
		return *c.MemoryReservation
	case c.Memory != nil:
		return *c.Memory
	}
	return 0
}

func isSet(b *bool) bool { return b != nil && *b }

// isECR tells whether an image is in a private repository of Amazon ECR.
func isECR(image string) bool {
	host, _, _ := strings.Cut(image, "/")
	return strings.Contains(host, ".dkr.ecr.")
}
