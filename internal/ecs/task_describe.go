package ecs

import (
	"slices"
	"strconv"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/store"
)

// ContainerARN returns the ARN of a task's container.
func ContainerARN(scope store.Scope, t *Task, c *Container) string {
	return arn(scope, "container/"+t.Cluster+"/"+t.ID+"/"+c.ID)
}

// AttachmentARN returns the ARN of a task's attachment, as agents are told and report it.
func AttachmentARN(scope store.Scope, id string) string { return arn(scope, "attachment/"+id) }

// describe is a task as the API shows it, with whether its agent is there.
func (s *Service) describe(scope store.Scope, t *Task, tags bool) api.Task {
	out := describeTask(scope, t, tags)
	if out.Connectivity == api.ConnectivityConnected && t.Status.Live() {
		if row, ok := s.Instances.Get(scope, t.Instance); !ok || !s.connected(row.Value) {
			out.Connectivity = api.ConnectivityDisconnected
		}
	}
	return out
}

// describeTask is what the record of a task alone shows.
func describeTask(scope store.Scope, t *Task, tags bool) api.Task {
	size := t.size()
	out := api.Task{
		TaskArn:              TaskARN(scope, t.Cluster, t.ID),
		ClusterArn:           ClusterARN(scope, t.Cluster),
		TaskDefinitionArn:    TaskDefinitionARN(scope, t.Definition),
		LaunchType:           t.LaunchType,
		CapacityProviderName: t.CapacityProvider,
		PlatformVersion:      t.PlatformVersion,
		PlatformFamily:       t.PlatformFamily,
		AvailabilityZone:     t.Zone,
		Group:                t.Group,
		StartedBy:            t.StartedBy,
		Cpu:                  strconv.FormatInt(size.CPU, 10),
		Memory:               strconv.FormatInt(size.Memory, 10),
		Overrides:            describeOverrides(t),
		Attributes:           []api.Attribute{{Name: architectureAttribute, Value: t.Architecture}},
		Attachments:          []api.Attachment{},
		Containers:           make([]api.Container, len(t.Containers)),
		DesiredStatus:        string(t.Desired()),
		LastStatus:           string(t.Status),
		HealthStatus:         t.Health(),
		CreatedAt:            schema.At(t.CreatedAt),
		ConnectivityAt:       schema.At(t.ConnectedAt),
		PullStartedAt:        schema.At(t.PullStartedAt),
		PullStoppedAt:        schema.At(t.PullStoppedAt),
		StartedAt:            schema.At(t.StartedAt),
		StoppingAt:           schema.At(t.stoppingAt()),
		ExecutionStoppedAt:   schema.At(t.ExecutionStoppedAt),
		StoppedAt:            schema.At(t.StoppedAt),
		EnableExecuteCommand: t.Executable,
		Tags:                 []api.Tag{},
		Version:              t.Version,
	}
	if t.LaunchType == api.LaunchTypeFargate {
		out.EphemeralStorage = &api.EphemeralStorage{SizeInGiB: t.EphemeralGiB}
		out.FargateEphemeralStorage = &api.TaskEphemeralStorage{SizeInGiB: t.EphemeralGiB}
	} else {
		out.ContainerInstanceArn = InstanceARN(scope, t.Cluster, t.Instance)
	}
	if !t.ConnectedAt.IsZero() {
		out.Connectivity = api.ConnectivityConnected
	}
	if why := t.Why(); why != nil {
		out.StopCode, out.StoppedReason = why.Code, why.Reason
	}
	for i := range t.Containers {
		out.Containers[i] = describeContainer(scope, t, &t.Containers[i])
	}
	for i := range t.Attachments {
		out.Attachments = append(out.Attachments, t.Attachments[i].describe())
	}
	if tags {
		out.Tags = present(t.Tags)
	}
	return out
}

func describeContainer(scope store.Scope, t *Task, c *Container) api.Container {
	out := api.Container{
		ContainerArn:      ContainerARN(scope, t, c),
		TaskArn:           TaskARN(scope, t.Cluster, t.ID),
		Name:              c.Name,
		Image:             c.Image,
		ImageDigest:       c.ImageDigest,
		RuntimeId:         c.RuntimeID,
		LastStatus:        string(c.Status),
		ExitCode:          c.ExitCode,
		Reason:            c.Reason,
		NetworkBindings:   present(c.NetworkBindings),
		NetworkInterfaces: []api.NetworkInterface{},
		HealthStatus:      api.HealthStatusUnknown,
		Cpu:               strconv.Itoa(int(c.CPU)),
		Memory:            amount(int64(c.Memory)),
		MemoryReservation: amount(int64(c.MemoryReservation)),
		GpuIds:            c.GPUs,
	}
	if c.Health != "" {
		out.HealthStatus = c.Health
	}
	if t.Executable {
		out.ManagedAgents = []api.ManagedAgent{c.ManagedAgent.describe()}
	}
	for _, a := range t.Attachments {
		out.NetworkInterfaces = append(out.NetworkInterfaces, api.NetworkInterface{AttachmentId: a.ID, PrivateIpv4Address: a.Interface.Address})
	}
	return out
}

func (a *Attachment) describe() api.Attachment {
	return api.Attachment{Id: a.ID, Type: "ElasticNetworkInterface", Status: a.Status, Details: []api.KeyValuePair{
		{Name: "subnetId", Value: a.Interface.Subnet},
		{Name: "networkInterfaceId", Value: a.Interface.ID},
		{Name: "macAddress", Value: a.Interface.MAC},
		{Name: "privateDnsName", Value: a.Interface.PrivateDNSName},
		{Name: "privateIPv4Address", Value: a.Interface.Address},
	}}
}

// describeOverrides are the task's overrides, with an entry for every container.
func describeOverrides(t *Task) *api.TaskOverride {
	o := t.Overrides
	o.ContainerOverrides = make([]api.ContainerOverride, len(t.Containers))
	for i, c := range t.Containers {
		o.ContainerOverrides[i] = api.ContainerOverride{Name: c.Name}
		if n := slices.IndexFunc(t.Overrides.ContainerOverrides, func(v api.ContainerOverride) bool { return v.Name == c.Name }); n >= 0 {
			o.ContainerOverrides[i] = t.Overrides.ContainerOverrides[n]
		}
	}
	o.InferenceAcceleratorOverrides = present(o.InferenceAcceleratorOverrides)
	return &o
}
