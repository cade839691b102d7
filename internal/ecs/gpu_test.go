package ecs

import (
	"slices"
	"testing"

	api "github.com/berth-dev/berth/api/ecs"
)

// equipped registers an instance with what a request adds to an ordinary one.
func (w *world) equipped(add func(*api.RegisterContainerInstanceRequest)) *Instance {
	w.t.Helper()
	plain := w.instance(4096, 8192)
	r := &api.RegisterContainerInstanceRequest{ContainerInstanceArn: InstanceARN(here, "default", plain.ID), TotalResources: plain.Resources, Attributes: plain.Attributes}
	add(r)
	got(w.RegisterContainerInstance(w.ctx, r))(w)
	want, _ := w.Instances.Get(here, plain.ID)
	w.until("the placer knows what the instance has", func() bool {
		w.placer.mu.Lock()
		defer w.placer.mu.Unlock()
		c, _ := w.placer.ledger.Joined(plain.ID)
		return slices.Equal(c.GPUs, want.Value.GPUs) && c.Total == want.Value.Capacity && (c.Zone != "") == want.Value.Located
	})
	return want.Value
}

func (w *world) resource(i *Instance, name string, list func(api.ContainerInstance) []api.Resource) api.Resource {
	w.t.Helper()
	out := got(w.DescribeContainerInstances(w.ctx, &api.DescribeContainerInstancesRequest{ContainerInstances: []string{i.ID}}))(w)
	for _, r := range list(out.ContainerInstances[0]) {
		if r.Name == name {
			return r
		}
	}
	w.t.Fatalf("no resource %s in %+v", name, out)
	return api.Resource{}
}

func registered(i api.ContainerInstance) []api.Resource { return i.RegisteredResources }
func remaining(i api.ContainerInstance) []api.Resource  { return i.RemainingResources }

const gpuDefinition = `{"family": "train", "networkMode": "host", "containerDefinitions": [
	{"name": "a", "image": "i", "memory": 64, "resourceRequirements": [{"type": "GPU", "value": "2"}]},
	{"name": "b", "image": "i", "memory": 64},
	{"name": "c", "image": "i", "memory": 64, "resourceRequirements": [{"type": "GPU", "value": "1"}]}]}`

func TestGPUsAreGivenToContainers(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(gpuDefinition)
	w.instance(1024, 1024)
	i := w.equipped(func(r *api.RegisterContainerInstanceRequest) {
		for _, id := range []string{"GPU-1", "GPU-2", "GPU-3", "GPU-4"} {
			r.PlatformDevices = append(r.PlatformDevices, api.PlatformDevice{Id: id, Type: api.PlatformDeviceTypeGpu})
		}
	})
	if r := w.resource(i, "GPU", registered); r.Type != "STRINGSET" || !slices.Equal(r.StringSetValue, []string{"GPU-1", "GPU-2", "GPU-3", "GPU-4"}) {
		t.Errorf("registered %+v", r)
	}
	out := got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "train", Count: new(int32(2))}))(w)
	if len(out.Tasks) != 1 || len(out.Failures) != 2 || out.Failures[0].Reason != "RESOURCE:GPU" || out.Failures[0].Arn != InstanceARN(here, "default", i.ID) {
		t.Fatalf("%+v", out)
	}
	containers := out.Tasks[0].Containers
	if !slices.Equal(containers[0].GpuIds, []string{"GPU-1", "GPU-2"}) || containers[1].GpuIds != nil || !slices.Equal(containers[2].GpuIds, []string{"GPU-3"}) {
		t.Errorf("containers %+v", containers)
	}
	if r := w.resource(i, "GPU", remaining); !slices.Equal(r.StringSetValue, []string{"GPU-4"}) {
		t.Errorf("remaining %+v", r)
	}
	override := &api.TaskOverride{ContainerOverrides: []api.ContainerOverride{
		{Name: "a", ResourceRequirements: []api.ResourceRequirement{{Type: "GPU", Value: "1"}}},
		{Name: "c", ResourceRequirements: []api.ResourceRequirement{{Type: "GPU", Value: "ALL"}}}}}
	if _, err := w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "train", Overrides: override}); code(err) != "InvalidParameterException" {
		t.Errorf("all and one more: %v", err)
	}
	override.ContainerOverrides[0].ResourceRequirements[0].Value = "x"
	if _, err := w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "train", Overrides: override}); code(err) != "InvalidParameterException" {
		t.Errorf("x: %v", err)
	}
	// After a restart the GPUs are still the task's.
	task := w.task(out.Tasks[0].TaskArn[len(out.Tasks[0].TaskArn)-32:])
	if !slices.Equal(task.gpus(), []string{"GPU-1", "GPU-2", "GPU-3"}) {
		t.Errorf("recorded %v", task.gpus())
	}
}

const cabledDefinition = `{"family": "cabled", "networkMode": "awsvpc", "containerDefinitions": [{"name": "c", "image": "i", "memory": 64}]}`

func TestNetworkInterfacesOfAnInstance(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(cabledDefinition)
	w.equipped(func(r *api.RegisterContainerInstanceRequest) {
		r.Attributes = append(r.Attributes, api.Attribute{Name: "ecs.instance-type", Value: "t3.small"})
	})
	run := web(3)
	run.TaskDefinition, run.LaunchType = "cabled", api.LaunchTypeEc2
	out := got(w.RunTask(w.ctx, run))(w)
	if len(out.Tasks) != 2 || len(out.Failures) != 1 || out.Failures[0].Reason != "RESOURCE:ENI" {
		t.Errorf("on a t3.small: %+v", out)
	}
	if _, err := w.RegisterContainerInstance(w.ctx, &api.RegisterContainerInstanceRequest{
		TotalResources: []api.Resource{{Name: "ENI", Type: "INTEGER"}}}); code(err) != "InvalidParameterException" {
		t.Errorf("no interface: %v", err)
	}
	i := w.equipped(func(r *api.RegisterContainerInstanceRequest) {
		r.TotalResources = append(r.TotalResources, api.Resource{Name: "ENI", Type: "INTEGER", IntegerValue: 10})
	})
	if out = got(w.RunTask(w.ctx, run))(w); len(out.Tasks) != 3 {
		t.Errorf("with ten: %+v", out)
	}
	if r := w.resource(i, "ENI", remaining); r.IntegerValue != 7 {
		t.Errorf("remaining %+v", r)
	}
}

func TestTaskInterfacesOfTypes(t *testing.T) {
	for name, want := range map[string]int64{"t2.nano": 1, "m5.large": 2, "m4.large": 1, "c5.9xlarge": 7, "r5d.metal": 14, "p3.2xlarge": 3} {
		if n, ok := taskInterfaces(name); !ok || n != want {
			t.Errorf("%s: %d, %v", name, n, ok)
		}
	}
	for _, name := range []string{"", "m5", "m5.", "z9.large", "m5.nano", "5 .large"} {
		if n, ok := taskInterfaces(name); ok {
			t.Errorf("%q: %d", name, n)
		}
	}
}

// The subnets of a task are in us-east-1a: an instance that says it is elsewhere takes none, one that says nothing does.
func TestATaskGoesWhereItsSubnetsAre(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(cabledDefinition)
	far := w.equipped(func(r *api.RegisterContainerInstanceRequest) {
		r.InstanceIdentityDocument = `{"instanceId": "i-1", "availabilityZone": "us-east-1b"}`
		r.Attributes = slices.DeleteFunc(slices.Clone(r.Attributes), func(a api.Attribute) bool { return a.Name == zoneAttribute })
	})
	run := web(1)
	run.TaskDefinition, run.LaunchType = "cabled", api.LaunchTypeEc2
	out := got(w.RunTask(w.ctx, run))(w)
	if len(out.Tasks) != 0 || len(out.Failures) != 1 || out.Failures[0].Reason != "LOCATION" || out.Failures[0].Arn != InstanceARN(here, "default", far.ID) {
		t.Errorf("%+v", out)
	}
	w.instance(1024, 1024)
	if out = got(w.RunTask(w.ctx, run))(w); len(out.Tasks) != 1 {
		t.Errorf("%+v", out)
	}
}

// No two containers get one GPU because its instance has named it twice.
func TestAGPUThatIsNamedTwiceIsOne(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(gpuDefinition)
	i := w.equipped(func(r *api.RegisterContainerInstanceRequest) {
		r.TotalResources = append(r.TotalResources, api.Resource{Name: "GPU", Type: "STRINGSET", StringSetValue: []string{"GPU-1", "GPU-2", "GPU-2", "GPU-1"}})
	})
	out := got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "train"}))(w)
	if len(out.Tasks) != 0 || len(out.Failures) != 1 || out.Failures[0].Reason != "RESOURCE:GPU" || !slices.Equal(i.GPUs, []string{"GPU-1", "GPU-2"}) {
		t.Errorf("three on an instance of %v: %+v", i.GPUs, out)
	}
}
