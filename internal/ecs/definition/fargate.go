package definition

import (
	"slices"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

// maxTimeout is the longest start or stop timeout of a container on Fargate, in seconds.
const maxTimeout = 120

// fargateDrivers are the log drivers of Fargate, as ECS lists them.
var fargateDrivers = []string{"awslogs", "splunk", "awsfirelens"}

// fargate checks what Fargate alone asks for.
func fargate(r *request) error {
	if r.NetworkMode != api.NetworkModeAwsvpc {
		return invalid("Fargate only supports network mode ‘awsvpc’.")
	}
	if err := offered(r); err != nil {
		return err
	}
	switch {
	case r.PidMode == api.PidModeHost:
		return invalid("Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'.")
	case r.IpcMode != "":
		return notOnFargate("ipcMode")
	case len(r.PlacementConstraints) > 0:
		return notOnFargate("constraints")
	}
	for i := range r.Volumes {
		switch v := &r.Volumes[i]; {
		case v.Host != nil && v.Host.SourcePath != "":
			return notOnFargate("sourcePath")
		case v.DockerVolumeConfiguration != nil:
			return notOnFargate("dockerVolumeConfiguration")
		case v.FsxWindowsFileServerVolumeConfiguration != nil:
			return notOnFargate("fsxWindowsFileServerVolumeConfiguration")
		}
	}
	for i := range r.ContainerDefinitions {
		if err := fargateContainer(r, &r.ContainerDefinitions[i]); err != nil {
			return err
		}
	}
	return nil
}

func notOnFargate(what string) error {
	return invalid("Fargate compatible task definitions do not support %s", what)
}

// minWindowsCPU is the smallest task of Windows.
const minWindowsCPU = 1024

func offered(r *request) error {
	switch {
	case r.Cpu == "":
		return invalid("Fargate requires that 'cpu' be defined at the task level.")
	case r.Memory == "":
		return invalid("Fargate requires that 'memory' be defined at the task level.")
	}
	s, err := SizeOf(r.Cpu, r.Memory)
	if err != nil {
		return err
	}
	if !FargateOffers(s) || windows(r) && (s.CPU < minWindowsCPU || s.CPU > 4*minWindowsCPU) {
		return invalid("No Fargate configuration exists for given values: %d CPU, %d memory. See the Amazon ECS documentation for the valid values.", s.CPU, s.Memory)
	}
	return nil
}

func fargateContainer(r *request, c *container) error {
	switch {
	case isSet(c.Privileged):
		return invalid("Fargate requires that the ‘privileged’ setting be ‘false’ at the container level.")
	case len(c.DockerSecurityOptions) > 0:
		return notOnFargate("dockerSecurityOptions")
	case valueOf(c.StartTimeout) > maxTimeout:
		return invalid("Tasks using the Fargate launch type must have a container start timeout of less than %d seconds.", maxTimeout)
	case valueOf(c.StopTimeout) > maxTimeout:
		return invalid("Tasks using the Fargate launch type must have a container stop timeout of less than %d seconds.", maxTimeout)
	case len(c.ResourceRequirements) > 0:
		return invalid("Tasks using the Fargate launch type do not support %s resource requirements.", c.ResourceRequirements[0].Type)
	case c.FirelensConfiguration != nil && c.FirelensConfiguration.Options[optionConfigType] == "s3":
		return invalid("Fargate launch type does not support FirelensConfiguration config file from 's3'")
	case isECR(c.Image) && r.ExecutionRoleArn == "":
		return invalid("Fargate requires task definition to have execution role ARN to support ECR images.")
	}
	if err := fargateKernel(c.LinuxParameters); err != nil {
		return err
	}
	return fargateLogs(r, c.LogConfiguration)
}

func fargateKernel(l *api.LinuxParameters) error {
	switch {
	case l == nil:
		return nil
	case len(l.Devices) > 0:
		return notOnFargate("devices")
	case valueOf(l.SharedMemorySize) != 0:
		return notOnFargate("sharedMemorySize")
	case l.MaxSwap != nil:
		return notOnFargate("maxSwap")
	case l.Swappiness != nil:
		return notOnFargate("swappiness")
	case l.Capabilities == nil:
		return nil
	}
	for _, name := range l.Capabilities.Add {
		if name != "SYS_PTRACE" {
			return invalid("%s is not allowed on Fargate.", name)
		}
	}
	return nil
}

func fargateLogs(r *request, l *api.LogConfiguration) error {
	switch {
	case l == nil:
		return nil
	case !slices.Contains(fargateDrivers, string(l.LogDriver)):
		return invalid("%s is not a valid log driver. Must be one of [%s]", l.LogDriver, strings.Join(fargateDrivers, ","))
	case l.LogDriver != api.LogDriverAwslogs:
		return nil
	case l.Options[optionStreamPrefix] == "":
		return invalid("Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs.")
	case r.ExecutionRoleArn == "":
		return invalid("Fargate requires task definition to have execution role ARN to support log driver awslogs.")
	}
	return nil
}
