package ecs

import (
	"slices"
	"strings"
	"testing"

	api "github.com/berth-dev/berth/api/ecs"
)

func (w *world) startTask(definition string, instances ...string) *api.StartTaskResponse {
	w.t.Helper()
	return got(w.StartTask(w.ctx, &api.StartTaskRequest{TaskDefinition: definition, ContainerInstances: instances}))(w)
}

func TestStartTaskStartsOneTaskOnEachInstanceThatIsNamed(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(hostDefinition)
	a, b := w.instance(1024, 1024), w.instance(1024, 1024)
	w.instance(1024, 1024)
	out := w.startTask("host", a.ID, InstanceARN(here, "default", b.ID))
	var on []string
	for _, task := range out.Tasks {
		if task.LaunchType != api.LaunchTypeEc2 || task.Group != "family:host" || task.LastStatus != "PENDING" {
			t.Errorf("%+v", task)
		}
		on = append(on, task.ContainerInstanceArn)
	}
	want := []string{InstanceARN(here, "default", a.ID), InstanceARN(here, "default", b.ID)}
	if !slices.Equal(on, want) || len(out.Failures) > 0 {
		t.Errorf("tasks on %v, want %v; failures %+v", on, want, out.Failures)
	}
}

func TestStartTaskTellsWhyAnInstanceTakesNone(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(hostDefinition)
	good, small, full, draining := w.instance(1024, 1024), w.instance(1024, 100), w.instance(1024, 1024), w.instance(1024, 1024)
	away := w.instance(1024, 1024)
	w.startTask("host", full.ID)
	got(w.UpdateContainerInstancesState(w.ctx, &api.UpdateContainerInstancesStateRequest{
		ContainerInstances: []string{draining.ID}, Status: api.ContainerInstanceStatusDraining}))(w)
	w.ok(w.AgentDisconnected(w.ctx, here, away.ID, "session"))
	w.until("the placer knows", func() bool {
		w.placer.mu.Lock()
		defer w.placer.mu.Unlock()
		d, _ := w.placer.ledger.Joined(draining.ID)
		a, _ := w.placer.ledger.Joined(away.ID)
		return !d.Active && !a.Connected
	})
	out := w.startTask("host", small.ID, id32, good.ID, full.ID, draining.ID, away.ID)
	if len(out.Tasks) != 1 || out.Tasks[0].ContainerInstanceArn != InstanceARN(here, "default", good.ID) {
		t.Errorf("tasks %+v", out.Tasks)
	}
	reasons := map[string]string{}
	for _, f := range out.Failures {
		reasons[f.Arn[strings.LastIndexByte(f.Arn, '/')+1:]] = f.Reason
	}
	for id, want := range map[string]string{id32: "MISSING", small.ID: "RESOURCE:MEMORY", full.ID: "RESOURCE:PORTS", draining.ID: "INACTIVE", away.ID: "AGENT"} {
		if reasons[id] != want {
			t.Errorf("instance %s: %q, want %q", id, reasons[id], want)
		}
	}
	if len(out.Failures) != 5 {
		t.Errorf("failures %+v", out.Failures)
	}
}

func TestLaunchTypesKeepToTheirMachines(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(`{"family": "job", "networkMode": "none", "containerDefinitions": [{"name": "c", "image": "i", "memory": 10}]}`)
	own, external := w.instance(1024, 1024), w.instance(1024, 1024, ExternalAttribute)
	for launchType, want := range map[api.LaunchType]*Instance{"": own, api.LaunchTypeEc2: own, api.LaunchTypeExternal: external} {
		out := got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "job", LaunchType: launchType, Count: new(int32(5))}))(w)
		if len(out.Tasks) != 5 {
			t.Fatalf("%q: %+v", launchType, out)
		}
		for _, task := range out.Tasks {
			if task.ContainerInstanceArn != InstanceARN(here, "default", want.ID) || task.LaunchType != want.launchType() {
				t.Errorf("%q: a task of %s on %s", launchType, task.LaunchType, task.ContainerInstanceArn)
			}
		}
	}
	if out := w.startTask("job", external.ID); len(out.Tasks) != 1 || out.Tasks[0].LaunchType != api.LaunchTypeExternal {
		t.Errorf("StartTask on an external instance: %+v", out)
	}
	w.define(webDefinition)
	request := &api.StartTaskRequest{TaskDefinition: "web", ContainerInstances: []string{own.ID, external.ID},
		NetworkConfiguration: &api.NetworkConfiguration{AwsvpcConfiguration: &api.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}}}
	if _, err := w.StartTask(w.ctx, request); err == nil || err.Error() != "InvalidParameterException: Task definition does not support launch_type EXTERNAL." {
		t.Errorf("StartTask of a definition that external instances do not take: %v", err)
	}
	external2 := got(w.DescribeContainerInstances(w.ctx, &api.DescribeContainerInstancesRequest{ContainerInstances: []string{external.ID}}))(w)
	if i := external2.ContainerInstances[0]; !strings.HasPrefix(i.Ec2InstanceId, "mi-") {
		t.Errorf("an external instance is called %s", i.Ec2InstanceId)
	}
}

func TestStartTaskOnAnInstanceThatWasDeregistered(t *testing.T) {
	w := newWorld(t, Config{})
	w.cluster("default")
	w.define(hostDefinition)
	i := w.instance(1024, 1024)
	got(w.DeregisterContainerInstance(w.ctx, &api.DeregisterContainerInstanceRequest{ContainerInstance: i.ID}))(w)
	out := w.startTask("host", i.ID)
	if len(out.Tasks) != 0 || len(out.Failures) != 1 || out.Failures[0].Reason != "INACTIVE" || out.Failures[0].Arn != InstanceARN(here, "default", i.ID) {
		t.Errorf("%+v", out)
	}
}
