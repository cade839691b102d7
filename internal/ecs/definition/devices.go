package definition

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
)

// allDevices asks for every device that the instance has.
const allDevices = "ALL"

// resources checks the GPUs and other devices that a container asks for.
func resources(_ *request, c *container) error {
	for i := range c.ResourceRequirements {
		need := &c.ResourceRequirements[i]
		switch need.Type {
		case api.ResourceTypeGpu:
			if err := gpu(c.Name, need); err != nil {
				return err
			}
		case api.ResourceTypeNeuronDevice:
			if need.Value != allDevices {
				return invalid("Invalid NeuronDevice value '%s' for container '%s'. It must be ALL.", need.Value, c.Name)
			}
		case api.ResourceTypeInferenceAccelerator:
			return invalid("Unsupported resource type 'InferenceAccelerator' for container '%s'.", c.Name)
		}
	}
	return nil
}

func gpu(container string, need *api.ResourceRequirement) error {
	count, counted := number(need.Value)
	switch {
	case need.SharingStrategy == nil && need.Value != allDevices && (!counted || count < 1):
		return invalid("Invalid GPU value '%s' for container '%s'. It must be a whole number of at least 1, or ALL.", need.Value, container)
	case need.SharingStrategy == nil:
		return nil
	case need.Value != "":
		return invalid("A GPU resource requirement of container '%s' has both 'value' and 'sharingStrategy'. Specify one of them.", container)
	}
	switch mps := need.SharingStrategy.NvidiaMps; {
	case mps == nil:
		return invalid("The sharingStrategy of container '%s' should not be empty.", container)
	case valueOf(mps.Memory) < 1:
		return invalid("Invalid 'memory' setting for nvidiaMps of container '%s'. It must be at least 1 MiB.", container)
	case mps.MaxComputePercent != nil && (*mps.MaxComputePercent < 1 || *mps.MaxComputePercent > 100):
		return invalid("Invalid 'maxComputePercent' setting for nvidiaMps of container '%s'. It must be between 1 and 100.", container)
	}
	return nil
}

// devices checks what containers ask for together: all share GPUs, or none does; one at most has the Neuron devices.
func devices(r *request) error {
	if asks(r, sharedGPU) && asks(r, ownGPU) {
		return invalid("The containers in a task that request GPUs must all use the same sharing option.")
	}
	accelerated := 0
	for i := range r.ContainerDefinitions {
		if slices.ContainsFunc(r.ContainerDefinitions[i].ResourceRequirements, neuron) {
			accelerated++
		}
	}
	if accelerated > 1 {
		return invalid("Only one container in a task can specify NeuronDevice resources.")
	}
	return nil
}

// asks tells whether a container asks for such a device.
func asks(r *request, such func(api.ResourceRequirement) bool) bool {
	return slices.ContainsFunc(r.ContainerDefinitions, func(c container) bool { return slices.ContainsFunc(c.ResourceRequirements, such) })
}

func ownGPU(n api.ResourceRequirement) bool {
	return n.Type == api.ResourceTypeGpu && n.SharingStrategy == nil
}

func sharedGPU(n api.ResourceRequirement) bool {
	return n.Type == api.ResourceTypeGpu && n.SharingStrategy != nil
}

func neuron(n api.ResourceRequirement) bool { return n.Type == api.ResourceTypeNeuronDevice }
