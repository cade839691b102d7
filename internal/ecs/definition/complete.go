package definition

import (
	"slices"
	"strconv"

	api "github.com/berth-dev/berth/api/ecs"
)

// Complete is what a valid request registers: with the defaults that ECS fills in, sizes in their one form, and what
// follows from the rest. It lacks what a revision has beyond its request: its name, its time, its status. Of its own
// content, registered again, it makes the same.
func Complete(r *api.RegisterTaskDefinitionRequest) api.TaskDefinition {
	size, _ := SizeOf(r.Cpu, r.Memory)
	d := api.TaskDefinition{
		Family:                  r.Family,
		TaskRoleArn:             r.TaskRoleArn,
		ExecutionRoleArn:        r.ExecutionRoleArn,
		NetworkMode:             r.NetworkMode,
		Volumes:                 present(r.Volumes),
		PlacementConstraints:    present(r.PlacementConstraints),
		RequiresCompatibilities: r.RequiresCompatibilities,
		Cpu:                     amount(size.CPU),
		Memory:                  amount(size.Memory),
		PidMode:                 r.PidMode,
		IpcMode:                 r.IpcMode,
		ProxyConfiguration:      r.ProxyConfiguration,
		EphemeralStorage:        r.EphemeralStorage,
		RuntimePlatform:         r.RuntimePlatform,
		EnableFaultInjection:    orDefault(r.EnableFaultInjection, false),
		Compatibilities:         compatibilities(r),
		RequiresAttributes:      attributes(r),
	}
	for _, c := range r.ContainerDefinitions {
		d.ContainerDefinitions = append(d.ContainerDefinitions, completed(r, c))
	}
	return d
}

// amount is a number as ECS answers it; none is no text.
func amount(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// completed fills in what ECS answers for members that the caller left out. Lists that every answer has are empty then,
// not absent.
func completed(r *request, c container) container {
	c.Essential = orDefault(c.Essential, true)
	c.PortMappings = slices.Clone(c.PortMappings)
	for i := range c.PortMappings {
		p := &c.PortMappings[i]
		p.Protocol = protocolOf(p)
		switch {
		case p.ContainerPortRange != "":
		case slices.Contains(matching, r.NetworkMode):
			p.HostPort = p.ContainerPort
		default:
			p.HostPort = orDefault(p.HostPort, 0)
		}
	}
	if c.HealthCheck != nil {
		h := *c.HealthCheck
		h.Interval, h.Timeout, h.Retries = orDefault(h.Interval, healthInterval), orDefault(h.Timeout, healthTimeout), orDefault(h.Retries, healthRetries)
		c.HealthCheck = &h
	}
	c.PortMappings = present(c.PortMappings)
	c.Environment = present(c.Environment)
	c.MountPoints = present(c.MountPoints)
	c.VolumesFrom = present(c.VolumesFrom)
	c.SystemControls = present(c.SystemControls)
	return c
}

func orDefault[T any](v *T, otherwise T) *T {
	if v == nil {
		return &otherwise
	}
	return v
}

// present makes an absent list an empty one.
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
