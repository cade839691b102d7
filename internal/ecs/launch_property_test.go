package ecs

import (
	"testing"

	"pgregory.net/rapid"

	api "github.com/berth-dev/berth/api/ecs"
)

// Whatever is asked for, by launch type, by strategy or by name: a task lies where it was asked to be, its machine has room for all
// that it runs, and what is short is told.
func TestALaunchGoesWhereItIsSent(t *testing.T) {
	w := newWorld(t, Config{})
	w.provider("a")
	w.provider("b")
	got(w.CreateCluster(w.ctx, &api.CreateClusterRequest{CapacityProviders: []string{"a", "b"}}))(w)
	w.define(`{"family": "job", "networkMode": "none", "containerDefinitions": [{"name": "c", "image": "i", "memory": 100}]}`)
	instances := map[string]*Instance{}
	var arns []string
	for n := range 9 {
		kind := []string{ExternalAttribute, CapacityProviderAttribute + "=a", CapacityProviderAttribute + "=b", "plain"}[n%4]
		i := w.instance(1024, int32(300*(n+1)), kind)
		arns = append(arns, InstanceARN(here, "default", i.ID))
		instances[arns[n]] = i
	}
	provider := func(i *Instance) string {
		for _, a := range i.Attributes {
			if a.Name == CapacityProviderAttribute {
				return a.Value
			}
		}
		return ""
	}
	check := func(t *rapid.T, want int, tasks []api.Task, failures []api.Failure, err error) {
		if err != nil || len(tasks) > want || len(tasks) < want && len(failures) == 0 {
			t.Fatalf("%d of %d tasks, failures %+v, %v", len(tasks), want, failures, err)
		}
		for _, task := range tasks {
			i := instances[task.ContainerInstanceArn]
			if i == nil || task.LaunchType != i.launchType() || task.CapacityProviderName != "" && task.CapacityProviderName != provider(i) {
				t.Fatalf("a task of %s %q is on %s", task.LaunchType, task.CapacityProviderName, task.ContainerInstanceArn)
			}
		}
		for _, i := range instances {
			var used int64
			for row := range w.Tasks.Find(here, LiveByInstance, i.ID) {
				used += row.Value.Demand.Memory
			}
			if used > i.Capacity.Memory {
				t.Fatalf("%s runs %d MiB of %d", i.ID, used, i.Capacity.Memory)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		t.Repeat(map[string]func(*rapid.T){
			"by launch type": func(t *rapid.T) {
				r := &api.RunTaskRequest{TaskDefinition: "job", Count: new(rapid.Int32Range(1, 10).Draw(t, "count")),
					LaunchType: rapid.SampledFrom([]api.LaunchType{"", api.LaunchTypeEc2, api.LaunchTypeExternal}).Draw(t, "launch type")}
				out, err := w.RunTask(w.ctx, r)
				if err != nil {
					t.Fatal(err)
				}
				check(t, int(*r.Count), out.Tasks, out.Failures, err)
			},
			"by strategy": func(t *rapid.T) {
				r := &api.RunTaskRequest{TaskDefinition: "job", Count: new(rapid.Int32Range(1, 10).Draw(t, "count")),
					CapacityProviderStrategy: []api.CapacityProviderStrategyItem{
						item("a", rapid.Int32Range(0, 3).Draw(t, "base"), rapid.Int32Range(0, 3).Draw(t, "a")), item("b", 0, rapid.Int32Range(1, 3).Draw(t, "b"))}}
				out, err := w.RunTask(w.ctx, r)
				if err != nil {
					t.Fatal(err)
				}
				check(t, int(*r.Count), out.Tasks, out.Failures, err)
				for _, task := range out.Tasks {
					if task.CapacityProviderName == "" {
						t.Fatalf("a task without a provider: %+v", task)
					}
				}
			},
			"by name": func(t *rapid.T) {
				named := rapid.SliceOfN(rapid.SampledFrom(arns), 1, 10).Draw(t, "instances")
				out, err := w.StartTask(w.ctx, &api.StartTaskRequest{TaskDefinition: "job", ContainerInstances: named})
				if err != nil {
					t.Fatal(err)
				}
				check(t, len(named), out.Tasks, out.Failures, err)
				asked := map[string]int{}
				for _, arn := range named {
					asked[arn]++
				}
				for _, task := range out.Tasks {
					if asked[task.ContainerInstanceArn]--; asked[task.ContainerInstanceArn] < 0 {
						t.Fatalf("%s was asked to run no task, or not so many", task.ContainerInstanceArn)
					}
				}
			},
			"some end": func(t *rapid.T) {
				keep := rapid.IntRange(0, 20).Draw(t, "keep")
				for _, i := range instances {
					for row := range w.Tasks.Find(here, LiveByInstance, i.ID) {
						if keep--; keep >= 0 {
							continue
						}
						if err := w.ApplyTaskReport(w.ctx, here, row.ID, TaskReport{Status: Stopped}); err != nil {
							t.Fatalf("report the end of %s: %v", row.ID, err)
						}
					}
				}
			},
		})
	})
}
