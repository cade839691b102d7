package definition

// MinMemory is the least that a container can be given, in MiB.
const MinMemory = 6

// EC2 takes any cpu between these; Fargate has a table of its own.
const (
	minCPU = 128
	maxCPU = 196608
)

// Size is a task's cpu, in units of 1024 a vCPU, and its memory in MiB. An amount of 0 was not given.
type Size struct{ CPU, Memory int64 }

// SizeOf reads the task-level cpu and memory. The error is that of RegisterTaskDefinition.
func SizeOf(cpu, memory string) (s Size, err error) {
	var ok bool
	if cpu != "" {
		if s.CPU, ok = parseCPU(cpu); !ok || s.CPU < minCPU || s.CPU > maxCPU {
			return s, invalid("Invalid 'cpu' setting for task.")
		}
	}
	if memory != "" {
		if s.Memory, ok = parseMemory(memory); !ok || s.Memory < MinMemory {
			return s, invalid("Invalid 'memory' setting for task.")
		}
	}
	return s, nil
}

func taskSize(r *request) error {
	_, err := SizeOf(r.Cpu, r.Memory)
	return err
}

// memory checks what one container asks for, against the task too.
func memory(r *request, c *container) error {
	task, _ := SizeOf(r.Cpu, r.Memory)
	enough := func(n *int32) bool { return n == nil || *n >= MinMemory }
	switch {
	case c.Cpu < 0:
		return invalid("Invalid 'cpu' setting for container '%s'.", c.Name)
	case !enough(c.Memory):
		return invalid("Invalid 'memory' setting for container '%s': it must be at least %d MiB.", c.Name, MinMemory)
	case !enough(c.MemoryReservation):
		return invalid("Invalid 'memoryReservation' setting for container '%s': it must be at least %d MiB.", c.Name, MinMemory)
	case task.Memory == 0 && c.Memory == nil && c.MemoryReservation == nil:
		return invalid("Invalid setting for container '%s'. At least one of 'memory' or 'memoryReservation' must be specified.", c.Name)
	case c.Memory != nil && c.MemoryReservation != nil && *c.MemoryReservation > *c.Memory:
		return invalid("Invalid setting for container '%s'. 'memory' must be greater than or equal to 'memoryReservation'.", c.Name)
	case task.Memory > 0 && c.Memory != nil && int64(*c.Memory) > task.Memory:
		return invalid("The 'memory' setting for container '%s' is greater than for the task.", c.Name)
	}
	return nil
}

// sums checks what the containers ask for together: with a reservation their limits may add up to more than the task has.
func sums(r *request) error {
	task, _ := SizeOf(r.Cpu, r.Memory)
	var cpu, reserved int64
	for i := range r.ContainerDefinitions {
		c := &r.ContainerDefinitions[i]
		cpu += int64(c.Cpu)
		reserved += int64(reservation(c))
	}
	switch {
	case task.CPU > 0 && cpu > task.CPU:
		return invalid("The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.")
	case task.Memory > 0 && reserved > task.Memory:
		return invalid("The sum of all container 'memoryReservation' values cannot be greater than the value of the task 'memory'.")
	}
	return nil
}

// reservation is what a container asks its machine to set aside, in MiB; its limit when it names no reservation.
func reservation(c *container) int32 {
	if c.MemoryReservation != nil {
		return *c.MemoryReservation
	}
	return valueOf(c.Memory)
}
