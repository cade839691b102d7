package ecs

import (
	"testing"

	api "github.com/berth-dev/berth/api/ecs"
)

func item(provider string, base, weight int32) api.CapacityProviderStrategyItem {
	return api.CapacityProviderStrategyItem{CapacityProvider: provider, Base: base, Weight: weight}
}

// provider makes a capacity provider of an Auto Scaling group of the same name.
func (w *world) provider(name string) {
	w.t.Helper()
	got(w.CreateCapacityProvider(w.ctx, &api.CreateCapacityProviderRequest{Name: name,
		AutoScalingGroupProvider: &api.AutoScalingGroupProvider{AutoScalingGroupArn: "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:1:autoScalingGroupName/" + name}}))(w)
}

func byProvider(tasks []api.Task) map[string]int {
	n := map[string]int{}
	for _, t := range tasks {
		n[t.CapacityProviderName]++
	}
	return n
}

func TestAStrategySharesTasksAmongFargateAndSpot(t *testing.T) {
	w := newWorld(t, Config{})
	got(w.CreateCluster(w.ctx, &api.CreateClusterRequest{CapacityProviders: []string{"FARGATE", "FARGATE_SPOT"},
		DefaultCapacityProviderStrategy: []api.CapacityProviderStrategyItem{item("FARGATE", 1, 1), item("FARGATE_SPOT", 0, 3)}}))(w)
	w.define(webDefinition)
	w.define(hostDefinition)
	w.fargate(1024, 512*11)
	byDefault, asked := web(9), web(2)
	byDefault.LaunchType, asked.LaunchType = "", ""
	asked.CapacityProviderStrategy = []api.CapacityProviderStrategyItem{item("FARGATE_SPOT", 0, 1)}

	out := got(w.RunTask(w.ctx, byDefault))(w)
	if n := byProvider(out.Tasks); n["FARGATE"] != 3 || n["FARGATE_SPOT"] != 6 || len(out.Failures) != 0 {
		t.Errorf("%v, %+v", n, out.Failures)
	}
	for _, task := range out.Tasks {
		if task.LaunchType != api.LaunchTypeFargate || task.PlatformVersion != "1.4.0" || task.ContainerInstanceArn != "" {
			t.Errorf("%+v", task)
		}
	}
	if out := got(w.RunTask(w.ctx, asked))(w); byProvider(out.Tasks)["FARGATE_SPOT"] != 2 {
		t.Errorf("%+v", out)
	}
	asked.Count = new(int32(1))
	if out := got(w.RunTask(w.ctx, asked))(w); len(out.Tasks) != 0 || len(out.Failures) != 1 || out.Failures[0].Reason != noCapacity {
		t.Errorf("%+v", out)
	}
	if _, err := w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "host"}); code(err) != "InvalidParameterException" {
		t.Errorf("a definition that Fargate does not take: %v", err)
	}
	// A launch type goes past the cluster's strategy.
	if out := got(w.RunTask(w.ctx, web(1)))(w); len(out.Failures) != 1 {
		t.Errorf("%+v", out)
	}
}

func TestAStrategySharesTasksAmongInstancesOfGroups(t *testing.T) {
	w := newWorld(t, Config{})
	for _, name := range []string{"on-demand", "spot", "empty"} {
		w.provider(name)
	}
	got(w.CreateCluster(w.ctx, &api.CreateClusterRequest{CapacityProviders: []string{"on-demand", "spot", "empty"}}))(w)
	w.define(`{"family": "job", "networkMode": "none", "containerDefinitions": [{"name": "c", "image": "i", "memory": 100}]}`)
	own := w.instance(1024, 300, CapacityProviderAttribute+"=on-demand")
	spot := w.instance(1024, 300, CapacityProviderAttribute+"=spot")
	w.instance(1024, 300)
	run := func(count int32, items ...api.CapacityProviderStrategyItem) *api.RunTaskResponse {
		return got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "job", Count: &count, CapacityProviderStrategy: items}))(w)
	}
	out := run(4, item("on-demand", 2, 0), item("spot", 0, 1))
	if n := byProvider(out.Tasks); n["on-demand"] != 2 || n["spot"] != 2 {
		t.Errorf("%v, %+v", n, out.Failures)
	}
	for _, task := range out.Tasks {
		want := map[string]*Instance{"on-demand": own, "spot": spot}[task.CapacityProviderName]
		if task.ContainerInstanceArn != InstanceARN(here, "default", want.ID) || task.LaunchType != api.LaunchTypeEc2 {
			t.Errorf("a task of %s: %+v", task.CapacityProviderName, task)
		}
	}
	// Partial success: one provider has room for one more, the other has no instance at all.
	out = run(4, item("spot", 0, 1), item("empty", 0, 1))
	reasons := map[string]string{}
	for _, f := range out.Failures {
		reasons[f.Arn] = f.Reason
	}
	if n := byProvider(out.Tasks); n["spot"] != 1 || len(out.Tasks) != 1 || len(reasons) != 2 ||
		reasons[InstanceARN(here, "default", spot.ID)] != "RESOURCE:MEMORY" || reasons[CapacityProviderARN(here, "empty")] != "EMPTY CAPACITY PROVIDER" {
		t.Errorf("%v, %v", n, out.Failures)
	}
	// By launch type, every instance of the cluster will do.
	if out := got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "job", Count: new(int32(4))}))(w); len(out.Tasks) != 4 {
		t.Errorf("%+v", out)
	}
}

func TestATaskIsNotRunByAProviderThatTheClusterHasNoMore(t *testing.T) {
	w := newWorld(t, Config{})
	w.provider("spot")
	got(w.CreateCluster(w.ctx, &api.CreateClusterRequest{CapacityProviders: []string{"spot"}}))(w)
	w.define(webDefinition)
	w.instance(1024, 1024, CapacityProviderAttribute+"=spot")
	once := true
	w.network.meanwhile = func() { // after all was checked, and before the commit
		if once {
			once = false
			got(w.PutClusterCapacityProviders(w.ctx, &api.PutClusterCapacityProvidersRequest{Cluster: "default",
				CapacityProviders: []string{}, DefaultCapacityProviderStrategy: []api.CapacityProviderStrategyItem{}}))(w)
		}
	}
	r := web(1)
	r.LaunchType, r.CapacityProviderStrategy = "", []api.CapacityProviderStrategyItem{item("spot", 0, 1)}
	if out, err := w.RunTask(w.ctx, r); code(err) != "InvalidParameterException" {
		t.Errorf("%+v %v", out, err)
	}
	if n := w.Tasks.Count(here, taskCounts, clusterCount("default", countActive)); n != 0 {
		t.Errorf("%d tasks were committed", n)
	}
}

// Of a provider's instances alone it is told, however many others the cluster has.
func TestAProviderThatHasNoRoomSaysWhy(t *testing.T) {
	w := newWorld(t, Config{})
	w.provider("p")
	got(w.CreateCluster(w.ctx, &api.CreateClusterRequest{CapacityProviders: []string{"p"}}))(w)
	w.define(`{"family": "job", "networkMode": "none", "taskRoleArn": "role", "containerDefinitions": [{"name": "c", "image": "i", "memory": 100}]}`)
	for range maxFailures + 1 {
		w.instance(1024, 300)
	}
	reason := func() (reason, arn string) {
		out := got(w.RunTask(w.ctx, &api.RunTaskRequest{TaskDefinition: "job", CapacityProviderStrategy: []api.CapacityProviderStrategyItem{item("p", 0, 1)}}))(w)
		if len(out.Tasks) != 0 || len(out.Failures) != 1 {
			t.Fatalf("%+v", out)
		}
		return out.Failures[0].Reason, out.Failures[0].Arn
	}
	if r, arn := reason(); r != "EMPTY CAPACITY PROVIDER" || arn != CapacityProviderARN(here, "p") {
		t.Errorf("without an instance: %s of %s", r, arn)
	}
	if n, ok := w.LastUnplaced(here, "default", "job"); !ok || n.NoMachine != "No container instance of the cluster has the attribute berth.capacity-provider with the value p." {
		t.Errorf("remembered %+v", n)
	}
	i := w.instance(1024, 300, CapacityProviderAttribute+"=p")
	if r, arn := reason(); r != "ATTRIBUTE" || arn != InstanceARN(here, "default", i.ID) {
		t.Errorf("with an instance that can't do it: %s of %s", r, arn)
	}
	got(w.UpdateContainerInstancesState(w.ctx, &api.UpdateContainerInstancesStateRequest{ContainerInstances: []string{i.ID}, Status: "DRAINING"}))(w)
	if r, arn := reason(); r != "NO ACTIVE INSTANCES" || arn != CapacityProviderARN(here, "p") {
		t.Errorf("with an instance that drains: %s of %s", r, arn)
	}
}
