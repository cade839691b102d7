package ecs

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/definition"
	"github.com/berth-dev/berth/internal/ecs/placement"
)

// maxOverrides is how many characters the overrides of a request may have as JSON.
const maxOverrides = 8192

// setOverrides takes the request's overrides and makes the containers.
func (l *launch) setOverrides(r *api.RunTaskRequest, d *api.TaskDefinition) error {
	t := &l.template
	if r.Overrides != nil {
		t.Overrides = *r.Overrides
	}
	if text, err := json.Marshal(t.Overrides); err != nil || utf8.RuneCount(text) > maxOverrides {
		return invalidParameter("Container Overrides length must be at most %d", maxOverrides)
	}
	for _, role := range []string{t.Overrides.TaskRoleArn, t.Overrides.ExecutionRoleArn} {
		if role != "" && !definition.ValidRole(role) {
			return clientException("Role is not valid")
		}
	}
	for i := range d.ContainerDefinitions {
		c := &d.ContainerDefinitions[i]
		t.Containers = append(t.Containers, Container{Name: c.Name, Image: c.Image, Essential: definition.Essential(c), Checked: c.HealthCheck != nil,
			CPU: c.Cpu, Memory: valueOf(c.Memory), MemoryReservation: valueOf(c.MemoryReservation), Status: Pending})
	}
	overridden := map[string]bool{}
	for _, o := range t.Overrides.ContainerOverrides {
		c, ok := t.Container(o.Name)
		if !ok {
			return invalidParameter("Override for container named %s is not a container in the TaskDefinition.", o.Name)
		}
		if overridden[o.Name] {
			return invalidParameter("There is more than one override for container named %s.", o.Name)
		}
		overridden[o.Name] = true
		if err := definition.Environment(o.Name, o.Environment); err != nil {
			return err
		}
		if err := definition.ApartFromSecrets(d, o.Name, o.Environment); err != nil {
			return err
		}
		for _, n := range []struct {
			name string
			from *int32
			to   *int32
			min  int32
		}{{"cpu", o.Cpu, &c.CPU, 0}, {"memory", o.Memory, &c.Memory, definition.MinMemory}, {"memoryReservation", o.MemoryReservation, &c.MemoryReservation, definition.MinMemory}} {
			if n.from == nil {
				continue
			}
			if *n.from < n.min {
				return invalidParameter("Invalid '%s' override for container '%s': it must be at least %d.", n.name, o.Name, n.min)
			}
			*n.to = *n.from
		}
		if c.Memory > 0 && c.MemoryReservation > c.Memory {
			return invalidParameter("Invalid override for container '%s': the 'memory' of %d MiB is below the 'memoryReservation' of %d MiB.",
				o.Name, c.Memory, c.MemoryReservation)
		}
	}
	return nil
}

func valueOf(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}

// setSize works out the cpu and memory of the whole task.
func (l *launch) setSize(_ *api.RunTaskRequest, d *api.TaskDefinition) error {
	t := &l.template
	task, err := definition.SizeOf(or(t.Overrides.Cpu, d.Cpu), or(t.Overrides.Memory, d.Memory))
	if err != nil {
		return invalidParameter("Invalid 'cpu' or 'memory' override for task.")
	}
	if t.LaunchType == api.LaunchTypeFargate && !definition.FargateOffers(task) {
		return invalidParameter("No Fargate configuration exists for given values: %d CPU, %d memory.", task.CPU, task.Memory)
	}
	t.CPULimit, t.MemoryLimit = task.CPU, task.Memory
	for i := range t.Containers {
		if c := &t.Containers[i]; t.MemoryLimit > 0 && int64(c.Memory) > t.MemoryLimit {
			return invalidParameter("The 'memory' setting for container '%s' is greater than for the task.", c.Name)
		}
	}
	sum := t.sum()
	if t.CPULimit > 0 && sum.CPU > t.CPULimit {
		return invalidParameter("The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.")
	}
	if t.MemoryLimit > 0 && sum.Memory > t.MemoryLimit {
		return invalidParameter("The sum of all container 'memoryReservation' values cannot be greater than the value of the task 'memory'.")
	}
	return nil
}

// sum is what the containers of the task ask for.
func (t *Task) sum() (out placement.Capacity) {
	for _, c := range t.Containers {
		out.CPU += int64(c.CPU)
		if c.MemoryReservation > 0 {
			out.Memory += int64(c.MemoryReservation)
		} else {
			out.Memory += int64(c.Memory)
		}
	}
	return out
}

// demand is what a task takes of its machine: its own size, or what its containers ask for. The cpu of a Fargate task is
// a weight and a cap unless capacity is accounted strictly.
func (s *Service) demand(t *Task, d *api.TaskDefinition) placement.Demand {
	size := t.size()
	out := placement.Demand{CPU: size.CPU, Memory: size.Memory}
	if t.LaunchType == api.LaunchTypeFargate && !s.config.StrictCapacity {
		out.CPU = 0
	}
	switch d.NetworkMode {
	case api.NetworkModeAwsvpc:
		if t.LaunchType != api.LaunchTypeFargate {
			out.ENIs = 1
		}
		return out
	case api.NetworkModeNone:
		return out
	}
	for _, c := range d.ContainerDefinitions {
		for _, p := range c.PortMappings {
			if valueOf(p.HostPort) == 0 {
				continue // any port that the agent finds free
			}
			out.Ports = append(out.Ports, placement.Port{Protocol: string(p.Protocol), Number: int(valueOf(p.HostPort))})
		}
	}
	return out
}

// size is the task's own cpu and memory, and the sums of its containers' where it has none.
func (t *Task) size() placement.Capacity {
	size := t.sum()
	if t.CPULimit > 0 {
		size.CPU = t.CPULimit
	}
	if t.MemoryLimit > 0 {
		size.Memory = t.MemoryLimit
	}
	return size
}

// setStorage works out the disk of a task on Fargate.
func (l *launch) setStorage(_ *api.RunTaskRequest, d *api.TaskDefinition) error {
	t := &l.template
	if t.LaunchType != api.LaunchTypeFargate {
		if t.Overrides.EphemeralStorage != nil {
			return invalidParameter("Tasks using the %s launch type do not support EphemeralStorage.", t.LaunchType)
		}
		return nil
	}
	if problem := definition.Storage(t.Overrides.EphemeralStorage); problem != "" {
		return invalidParameter("%s", problem)
	}
	t.EphemeralGiB = definition.DefaultStorage
	for _, s := range []*api.EphemeralStorage{d.EphemeralStorage, t.Overrides.EphemeralStorage} {
		if s != nil {
			t.EphemeralGiB = s.SizeInGiB
		}
	}
	return nil
}
