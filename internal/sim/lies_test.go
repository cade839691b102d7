package sim_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent"
	"github.com/berth-dev/berth/internal/wire/client"
)

// agentOf is a client with the key of a machine's agent.
func (w *world) agentOf(machine string) *client.Client {
	w.Helper()
	key, err := w.server.IAM.IssueAgent(w.Context(), machine)
	if err != nil {
		w.Fatal(err)
	}
	return client.New(w.config.Endpoint, client.Static(key.ID, key.Secret, ""), region)
}

// codeOf is the code of an answered error, or what else happened.
func codeOf(err error) string {
	var answered *client.Error
	switch {
	case errors.As(err, &answered):
		return answered.Code
	case err != nil:
		return err.Error()
	}
	return "accepted"
}

// register registers an instance as a machine's agent does, and returns the answer's error.
func (w *world) register(machine string, change func(*ecs.RegisterContainerInstanceRequest)) (*ecs.ContainerInstance, error) {
	w.Helper()
	in := &ecs.RegisterContainerInstanceRequest{TotalResources: agent.Resources(4096, 1<<30, nil), Attributes: []ecs.Attribute{{Name: "berth.machine", Value: machine}}}
	change(in)
	out, err := client.Call(w.Context(), w.agentOf(machine), ecs.RegisterContainerInstance, in)
	if err != nil {
		return nil, err
	}
	return out.ContainerInstance, nil
}

func TestWhatAMachineCannotBeIsRefused(t *testing.T) {
	w := newWorld(t)
	call(w, ecs.CreateCluster, ecs.CreateClusterRequest{})
	call(w, ecs.CreateCluster, ecs.CreateClusterRequest{ClusterName: "other"})
	first, err := w.register("m1", func(*ecs.RegisterContainerInstanceRequest) {})
	if err != nil {
		t.Fatal(err)
	}
	resource := func(name string, change func(*ecs.Resource)) func(*ecs.RegisterContainerInstanceRequest) {
		return func(in *ecs.RegisterContainerInstanceRequest) {
			for i := range in.TotalResources {
				if in.TotalResources[i].Name == name {
					change(&in.TotalResources[i])
				}
			}
		}
	}
	attributes := func(more ...ecs.Attribute) func(*ecs.RegisterContainerInstanceRequest) {
		return func(in *ecs.RegisterContainerInstanceRequest) { in.Attributes = append(in.Attributes, more...) }
	}
	many := func(n int, name string) (list []ecs.Attribute) {
		for i := range n {
			list = append(list, ecs.Attribute{Name: fmt.Sprintf(name, i), Value: "x"})
		}
		return list
	}
	ports := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprint(i+1))
		}
		return list
	}
	const invalid = "InvalidParameterException"
	for _, c := range []struct {
		name   string
		change func(*ecs.RegisterContainerInstanceRequest)
		want   string
	}{
		{"negative memory", resource("MEMORY", func(r *ecs.Resource) { r.IntegerValue = -1 }), invalid},
		{"negative CPU", resource("CPU", func(r *ecs.Resource) { r.IntegerValue = -1 << 31 }), invalid},
		{"as much as can be said", resource("MEMORY", func(r *ecs.Resource) { r.IntegerValue = 1<<31 - 1 }), "accepted"},
		{"CPU twice", func(in *ecs.RegisterContainerInstanceRequest) {
			in.TotalResources = append(in.TotalResources, in.TotalResources[0])
		}, invalid},
		{"a thousand resources", func(in *ecs.RegisterContainerInstanceRequest) {
			for i := range 1000 {
				in.TotalResources = append(in.TotalResources, ecs.Resource{Name: fmt.Sprint("R", i), Type: "INTEGER"})
			}
		}, invalid},
		{"a port that is none", resource("PORTS", func(r *ecs.Resource) { r.StringSetValue = []string{"65536"} }), invalid},
		{"a word for a port", resource("PORTS_UDP", func(r *ecs.Resource) { r.StringSetValue = []string{"all"} }), invalid},
		{"a hundred reserved ports", resource("PORTS", func(r *ecs.Resource) { r.StringSetValue = ports(100) }), "accepted"},
		{"all ports reserved", resource("PORTS", func(r *ecs.Resource) { r.StringSetValue = ports(65535) }), invalid},
		{"the attributes of an agent that can do much", attributes(many(150, "ecs.capability.%d")...), "accepted"},
		{"thousands of attributes", attributes(many(5000, "ecs.capability.%d")...), invalid},
		{"more custom attributes than an instance may have", attributes(many(11, "custom-%d")...), invalid},
		{"an attribute without end", attributes(ecs.Attribute{Name: "custom", Value: strings.Repeat("x", 100_000)}), invalid},
		{"an attribute with a name without end", attributes(ecs.Attribute{Name: "ecs." + strings.Repeat("x", 100_000)}), invalid},
		{"an unknown pool", attributes(ecs.Attribute{Name: "berth.pool", Value: "motor"}), invalid},
		{"another's machine", attributes(ecs.Attribute{Name: "berth.machine", Value: "m2"}), "AccessDeniedException"},
		{"its instance moves to another cluster", func(in *ecs.RegisterContainerInstanceRequest) {
			in.Cluster, in.ContainerInstanceArn = "other", strings.ReplaceAll(first.ContainerInstanceArn, "/default/", "/other/")
		}, "ClientException"},
		{"an id that is none", func(in *ecs.RegisterContainerInstanceRequest) { in.ContainerInstanceArn = "../../etc" }, invalid},
		{"a version without end", func(in *ecs.RegisterContainerInstanceRequest) {
			in.VersionInfo = &ecs.VersionInfo{AgentVersion: strings.Repeat("9", 1<<20)}
		}, invalid},
	} {
		if _, err := w.register("m1", c.change); codeOf(err) != c.want {
			t.Errorf("%s: %.300s, not %s", c.name, fmt.Sprint(codeOf(err), " ", err), c.want)
		}
	}
	if _, err := w.register("m2", func(in *ecs.RegisterContainerInstanceRequest) { in.ContainerInstanceArn = first.ContainerInstanceArn }); codeOf(err) != "AccessDeniedException" {
		t.Errorf("another machine's instance: %v", err)
	}
}

// TestAMachineThatShrinksKeepsItsTasks has an instance register again with less than its tasks take: they go on, and
// nothing more is placed there until there is room.
func TestAMachineThatShrinksKeepsItsTasks(t *testing.T) {
	w := newWorld(t)
	w.config.Memory = 640
	agents := w.fleet(1)
	definition := w.define("app", 64)
	arns := w.run(definition, 8)
	resize := func(mib int64) {
		in := ecs.RegisterContainerInstanceRequest{ContainerInstanceArn: agents[0].Instance(), TotalResources: agent.Resources(4096, mib<<20, nil),
			Attributes: []ecs.Attribute{{Name: "berth.machine", Value: agents[0].Name}, {Name: "com.amazonaws.ecs.capability.docker-remote-api.1.18"}}}
		call(w, ecs.RegisterContainerInstance, in)
		w.until("the new size to count", func() bool {
			i := call(w, ecs.DescribeContainerInstances, ecs.DescribeContainerInstancesRequest{ContainerInstances: []string{agents[0].Instance()}}).ContainerInstances[0]
			return i.RemainingResources[1].IntegerValue == int32(mib)-8*64
		})
	}
	resize(256)
	if out := call(w, ecs.RunTask, ecs.RunTaskRequest{TaskDefinition: definition}); len(out.Tasks) != 0 || out.Failures[0].Reason != "RESOURCE:MEMORY" {
		t.Errorf("%+v", out)
	}
	resize(8*64 + 64)
	w.run(definition, 1)
	for _, arn := range arns {
		w.status(arn, "RUNNING")
	}
}

// report is what a machine's agent says of a task: a status, for the task and its container.
func (w *world) report(machine, task, status string) error {
	_, err := client.Call(w.Context(), w.agentOf(machine), ecs.SubmitTaskStateChange, &ecs.SubmitTaskStateChangeRequest{
		Task: task, Status: status, Containers: []ecs.ContainerStateChange{{ContainerName: "main", Status: status}}})
	return err
}

func TestReportsThatAreNotTrueChangeNothing(t *testing.T) {
	w := newWorld(t)
	agents := w.fleet(2)
	arns := w.run(w.define("app", 64), 2)
	owner := map[string]string{agents[0].Instance(): agents[0].Name, agents[1].Instance(): agents[1].Name}
	for _, arn := range arns {
		w.status(arn, "RUNNING")
	}
	call(w, ecs.StopTask, ecs.StopTaskRequest{Task: arns[1]})
	before := map[string]ecs.Task{arns[0]: w.describe(arns[0]), arns[1]: w.status(arns[1], "STOPPED")}
	mine, ended := owner[before[arns[0]].ContainerInstanceArn], owner[before[arns[1]].ContainerInstanceArn]
	other := agents[0].Name
	if mine == other {
		other = agents[1].Name
	}
	unknown := arns[0][:len(arns[0])-32] + strings.Repeat("0", 32)
	for _, c := range []struct{ name, machine, task, status, want string }{
		{"of a task that nobody knows", mine, unknown, "RUNNING", "accepted"},
		{"of no task", mine, "x", "STOPPED", "accepted"},
		{"of another machine's task", other, arns[0], "STOPPED", "AccessDeniedException"},
		{"of the past", mine, arns[0], "PENDING", "accepted"},
		{"that repeats", mine, arns[0], "RUNNING", "accepted"},
		{"of a status that there is not", mine, arns[0], "FLYING", "accepted"},
		{"that a stopped task runs", ended, arns[1], "RUNNING", "accepted"},
		{"that repeats an end", ended, arns[1], "STOPPED", "accepted"},
	} {
		var reporting sync.WaitGroup
		for range 50 {
			reporting.Go(func() {
				if err := w.report(c.machine, c.task, c.status); codeOf(err) != c.want {
					t.Errorf("a report %s: %v", c.name, err)
				}
			})
		}
		reporting.Wait()
	}
	for arn, was := range before {
		if is := w.describe(arn); is.Version != was.Version || is.LastStatus != was.LastStatus {
			t.Errorf("%s was %s in version %d, is %s in version %d", arn, was.LastStatus, was.Version, is.LastStatus, is.Version)
		}
	}
}
