package ecs

import (
	"slices"
	"strconv"
	"strings"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/store"
)

// define makes the revision that a valid request registers: with the defaults that ECS fills in, sizes in their one
// form, and what follows from the rest.
func define(scope store.Scope, r *api.RegisterTaskDefinitionRequest, revision Revision, by string, now time.Time) api.TaskDefinition {
	d := api.TaskDefinition{
		TaskDefinitionArn:       TaskDefinitionARN(scope, revision),
		Family:                  revision.Family,
		Revision:                int32(revision.Number),
		Status:                  api.TaskDefinitionStatusActive,
		TaskRoleArn:             roleARN(scope, r.TaskRoleArn),
		ExecutionRoleArn:        roleARN(scope, r.ExecutionRoleArn),
		NetworkMode:             r.NetworkMode,
		RequiresCompatibilities: r.RequiresCompatibilities,
		RuntimePlatform:         r.RuntimePlatform,
		EnableFaultInjection:    r.EnableFaultInjection,
		Volumes:                 []api.Volume{},
		PlacementConstraints:    []api.TaskDefinitionPlacementConstraint{},
		RegisteredAt:            schema.At(now),
		RegisteredBy:            by,
	}
	task, _ := sizeOf(r)
	d.Cpu, d.Memory = amount(task.cpu), amount(task.memory)
	for _, c := range r.ContainerDefinitions {
		d.ContainerDefinitions = append(d.ContainerDefinitions, complete(c))
	}
	d.Compatibilities = compatibilities(r)
	d.RequiresAttributes = requiredAttributes(r)
	return d
}

func amount(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// complete fills in what ECS answers for members that the caller left out. Lists that every answer has are empty then,
// not absent.
func complete(c api.ContainerDefinition) api.ContainerDefinition {
	if c.Essential == nil {
		c.Essential = new(true)
	}
	c.PortMappings = slices.Clone(c.PortMappings)
	for i := range c.PortMappings {
		p := &c.PortMappings[i]
		if p.Protocol == "" {
			p.Protocol = api.TransportProtocolTcp
		}
		if p.HostPort == nil || *p.HostPort == 0 {
			p.HostPort = p.ContainerPort
		}
	}
	c.PortMappings = present(c.PortMappings)
	c.Environment = present(c.Environment)
	c.MountPoints = present(c.MountPoints)
	c.VolumesFrom = present(c.VolumesFrom)
	c.SystemControls = present(c.SystemControls)
	return c
}

// present makes an absent list an empty one.
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// compatibilities are the launch types that the definition can run as, whether or not it asked for them.
func compatibilities(r *api.RegisterTaskDefinitionRequest) []api.Compatibility {
	var out []api.Compatibility
	if r.NetworkMode != "" {
		out = append(out, api.CompatibilityEc2)
	}
	if requires(r, api.CompatibilityFargate) || validateFargate(r) == nil {
		out = append(out, api.CompatibilityFargate)
	}
	if r.NetworkMode != "" && r.NetworkMode != api.NetworkModeAwsvpc {
		out = append([]api.Compatibility{api.CompatibilityExternal}, out...)
	}
	return out
}

const capability = "com.amazonaws.ecs.capability."

// requiredAttributes are the attributes that a container instance must carry to run the definition.
func requiredAttributes(r *api.RegisterTaskDefinitionRequest) []api.Attribute {
	names := []string{capability + "docker-remote-api.1.18"}
	add := func(more ...string) {
		for _, name := range more {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if r.NetworkMode == api.NetworkModeAwsvpc {
		add("ecs.capability.task-eni")
	}
	if r.TaskRoleArn != "" {
		add(capability + "task-iam-role")
		if r.NetworkMode == api.NetworkModeHost {
			add(capability + "task-iam-role-network-host")
		}
	}
	for i := range r.ContainerDefinitions {
		add(containerAttributes(&r.ContainerDefinitions[i], r.ExecutionRoleArn != "")...)
	}
	slices.SortFunc(names, strings.Compare)
	attributes := make([]api.Attribute, len(names))
	for i, name := range names {
		attributes[i].Name = name
	}
	return attributes
}

func containerAttributes(c *api.ContainerDefinition, executionRole bool) (names []string) {
	if l := c.LogConfiguration; l != nil {
		names = append(names, capability+"logging-driver."+string(l.LogDriver), capability+"docker-remote-api.1.19")
		if executionRole && l.LogDriver == api.LogDriverAwslogs {
			names = append(names, "ecs.capability.execution-role-awslogs")
		}
	}
	if isECR(c.Image) {
		names = append(names, capability+"ecr-auth", capability+"docker-remote-api.1.19")
		if executionRole {
			names = append(names, "ecs.capability.execution-role-ecr-pull")
		}
	}
	if c.MemoryReservation != nil {
		names = append(names, capability+"docker-remote-api.1.21")
	}
	if isSet(c.Privileged) {
		names = append(names, capability+"privileged-container")
	}
	if l := c.LinuxParameters; l != nil && isSet(l.InitProcessEnabled) {
		names = append(names, capability+"docker-remote-api.1.25")
	}
	return names
}
