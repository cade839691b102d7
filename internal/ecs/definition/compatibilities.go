package definition

import (
	"slices"

	api "github.com/berth-dev/berth/api/ecs"
)

// compatibilities are the launch types that a valid definition can run as, whether or not it asks for them.
func compatibilities(r *request) (all []api.Compatibility) {
	for _, c := range []api.Compatibility{api.CompatibilityExternal, api.CompatibilityEc2, api.CompatibilityFargate, api.CompatibilityManagedInstances} {
		if fits(r, c) == nil {
			all = append(all, c)
		}
	}
	return all
}

// fits says why a definition, which is valid otherwise, cannot run as a launch type; nil when it can.
func fits(r *request, c api.Compatibility) error {
	switch c {
	case api.CompatibilityFargate:
		return fargate(r)
	case api.CompatibilityExternal:
		return external(r)
	case api.CompatibilityManagedInstances:
		return managed(r)
	case api.CompatibilityEc2:
		return onEC2(r)
	}
	return nil
}

// onEC2 checks what only ECS's own machines have.
func onEC2(r *request) error {
	if asks(r, neuron) {
		return invalid("NeuronDevice resource requirements are only supported by tasks using the MANAGED_INSTANCES launch type.")
	}
	return nil
}

// external checks what machines of one's own have not: interfaces and disks of AWS's.
func external(r *request) error {
	switch {
	case r.NetworkMode == api.NetworkModeAwsvpc:
		return invalid("Tasks using the EXTERNAL launch type do not support network mode 'awsvpc'.")
	case r.EphemeralStorage != nil:
		return invalid("Tasks using the EXTERNAL launch type do not support EphemeralStorage.")
	case asks(r, sharedGPU):
		return invalid("Tasks using the EXTERNAL launch type do not support GPU sharing.")
	}
	for _, v := range r.Volumes {
		if isSet(v.ConfiguredAtLaunch) {
			return invalid("Tasks using the EXTERNAL launch type do not support volumes that are configured at launch.")
		}
	}
	return onEC2(r)
}

// managedDrivers are the log drivers of managed instances.
var managedDrivers = []api.LogDriver{api.LogDriverAwslogs, api.LogDriverSplunk, api.LogDriverAwsfirelens, api.LogDriverJsonFile}

// managed checks what ECS Managed Instances have not.
func managed(r *request) error {
	switch {
	case !slices.Contains(matching, r.NetworkMode):
		return invalid("Tasks using the MANAGED_INSTANCES launch type only support network modes 'awsvpc' and 'host'.")
	case windows(r):
		return invalid("Tasks using the MANAGED_INSTANCES launch type do not support Windows.")
	case r.EphemeralStorage != nil:
		return invalid("Tasks using the MANAGED_INSTANCES launch type do not support EphemeralStorage.")
	}
	for i := range r.ContainerDefinitions {
		if l := r.ContainerDefinitions[i].LogConfiguration; l != nil && !slices.Contains(managedDrivers, l.LogDriver) {
			return invalid("%s is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens,json-file]", l.LogDriver)
		}
	}
	return nil
}
