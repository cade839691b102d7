package ecs

import (
	"slices"
	"strconv"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs/placement"
)

// GPUs: instances register their ids, containers ask for a number of them, and each is given to one container at a time.

const gpuResource = "GPU"

// addDevices makes the GPUs among an instance's devices a resource of it.
func (i *Instance) addDevices(devices []api.PlatformDevice) {
	for _, d := range devices {
		at := slices.IndexFunc(i.Resources, func(r api.Resource) bool { return r.Name == gpuResource })
		if at < 0 {
			at = len(i.Resources)
			i.Resources = append(slices.Clip(i.Resources), api.Resource{Name: gpuResource, Type: "STRINGSET"})
		}
		if r := &i.Resources[at]; !slices.Contains(r.StringSetValue, d.Id) {
			r.StringSetValue = append(slices.Clip(r.StringSetValue), d.Id)
		}
	}
}

// distinct are the ids of a list, each once: what an instance names twice it has once.
func distinct(ids []string) (out []string) {
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// gpuDemand is how many GPUs a container asks for, [placement.AllGPUs] for all.
func gpuDemand(requirements []api.ResourceRequirement) (n int64, ok bool) {
	for _, r := range requirements {
		if r.Type != api.ResourceTypeGpu || n != 0 {
			return 0, false
		}
		if r.Value == "ALL" {
			n = placement.AllGPUs
			continue
		}
		count, err := strconv.ParseInt(r.Value, 10, 32)
		if err != nil || count < 1 {
			return 0, false
		}
		n = count
	}
	return n, true
}

// setGPUs works out the GPUs of the containers: the definition's, or the override's.
func (l *launch) setGPUs(_ *api.RunTaskRequest, d *api.TaskDefinition) error {
	total, asking, all := int64(0), 0, false
	for i := range d.ContainerDefinitions {
		c := &d.ContainerDefinitions[i]
		requirements := c.ResourceRequirements
		for _, o := range l.template.Overrides.ContainerOverrides {
			if o.Name == c.Name && len(o.ResourceRequirements) > 0 {
				requirements = o.ResourceRequirements
			}
		}
		n, ok := gpuDemand(requirements)
		if !ok {
			return invalidParameter("Invalid GPU value in the resourceRequirements override for container '%s': it must be one whole number of at least 1, or ALL.", c.Name)
		}
		l.gpus = append(l.gpus, n)
		if n != 0 {
			asking++
		}
		all = all || n == placement.AllGPUs
		total += max(n, 0)
	}
	switch {
	case l.template.LaunchType == api.LaunchTypeFargate && asking > 0:
		return invalidParameter("Tasks using the Fargate launch type do not support GPU resource requirements.")
	case all && asking > 1:
		return invalidParameter("A container that asks for all GPUs of its instance must be the only one of its task that asks for any.")
	case all:
		total = placement.AllGPUs
	}
	l.request.GPUs = total
	return nil
}

// giveGPUs hands the GPUs that a task got to its containers.
func (l *launch) giveGPUs(t *Task, ids []string) {
	for i, n := range l.gpus {
		if n == placement.AllGPUs {
			n = int64(len(ids))
		}
		t.Containers[i].GPUs, ids = ids[:n:n], ids[n:]
		if n == 0 {
			t.Containers[i].GPUs = nil
		}
	}
}
