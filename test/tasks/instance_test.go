package tasks

import (
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/test/berthtest"
)

// machine is the container instance of launch type EC2. There is an external one beside it.
func (w *world) machine() types.ContainerInstance {
	w.t.Helper()
	list, err := w.ecs.ListContainerInstances(w.t.Context(), &ecs.ListContainerInstancesInput{})
	if err != nil || len(list.ContainerInstanceArns) != 2 {
		w.t.Fatalf("container instances: %v %+v", err, list)
	}
	for _, arn := range list.ContainerInstanceArns {
		machine := w.describeMachine(arn)
		if !slices.ContainsFunc(machine.Attributes, func(a types.Attribute) bool { return aws.ToString(a.Name) == "ecs.capability.external" }) {
			return machine
		}
	}
	w.t.Fatal("both container instances are external")
	return types.ContainerInstance{}
}

func (w *world) describeMachine(arn string) types.ContainerInstance {
	w.t.Helper()
	out, err := w.ecs.DescribeContainerInstances(w.t.Context(), &ecs.DescribeContainerInstancesInput{ContainerInstances: []string{arn}})
	if err != nil || len(out.ContainerInstances) != 1 {
		w.t.Fatalf("describe %s: %v %+v", arn, err, out)
	}
	return out.ContainerInstances[0]
}

// TestAMachineThatComesBack kills Berth while tasks run: the agent connects again as the same instance, and keeps them.
func TestAMachineThatComesBack(t *testing.T) {
	w := start(t)
	tasks := []types.Task{w.one(onEC2(types.NetworkModeHost, runs()), "RUNNING"), w.one(fargate(runs()), "RUNNING")}
	before := w.machine()
	if !before.AgentConnected || before.RunningTasksCount != 1 || aws.ToString(before.Status) != "ACTIVE" {
		t.Errorf("before: %+v", before)
	}
	w.Kill()
	w.Restart()
	after := w.machine()
	if aws.ToString(after.ContainerInstanceArn) != aws.ToString(before.ContainerInstanceArn) || !after.AgentConnected || after.RunningTasksCount != 1 {
		t.Errorf("after: %+v", after)
	}
	for _, task := range tasks {
		now := w.describe(task)
		if aws.ToString(now.Containers[0].RuntimeId) != aws.ToString(task.Containers[0].RuntimeId) || aws.ToString(now.LastStatus) != "RUNNING" {
			t.Errorf("%s is %s in another container", id(task), aws.ToString(now.LastStatus))
		}
		w.endsWell(now)
	}
	w.endsWell(w.one(onEC2(types.NetworkModeHost, runs()), "RUNNING"))
}

// TestAMachineThatIsDeregistered takes the container instance away under a task.
func TestAMachineThatIsDeregistered(t *testing.T) {
	w := start(t)
	task := w.one(onEC2(types.NetworkModeHost, named("main", "7071")), "RUNNING")
	kept := w.one(fargate(named("main", "8080")), "RUNNING")
	machine := w.machine()
	_, err := w.ecs.DeregisterContainerInstance(t.Context(), &ecs.DeregisterContainerInstanceInput{ContainerInstance: machine.ContainerInstanceArn})
	w.wantError(err, "InvalidParameterException", "Found running tasks on the instance.")

	out, err := w.ecs.DeregisterContainerInstance(t.Context(), &ecs.DeregisterContainerInstanceInput{ContainerInstance: machine.ContainerInstanceArn, Force: aws.Bool(true)})
	if err != nil || aws.ToString(out.ContainerInstance.Status) != "INACTIVE" {
		t.Fatalf("%v %+v", err, out)
	}
	task = w.until("STOPPED", task)
	w.ended(task, types.TaskStopCodeUserInitiated, "Container instance deregistration forced by user")
	berthtest.Eventually(t, 20*time.Second, "nobody listens on the task's port", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:7071")
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if got := w.describeMachine(aws.ToString(machine.ContainerInstanceArn)); aws.ToString(got.Status) != "INACTIVE" || got.AgentConnected {
		t.Errorf("the instance is %s, connected: %t", aws.ToString(got.Status), got.AgentConnected)
	}
	_, err = w.ecs.RunTask(t.Context(), w.request(onEC2(types.NetworkModeHost, runs())))
	w.wantError(err, "InvalidParameterException", "No Container Instances were found in your cluster.")
	if got := w.ask(w.publicIP(kept)+":8080", "name"); got != "main" || aws.ToString(w.describe(kept).LastStatus) != "RUNNING" {
		t.Errorf("the task on Fargate is %s and answers %q", aws.ToString(w.describe(kept).LastStatus), got)
	}
	w.stop(kept)

	// As on AWS, an agent that starts registers.
	w.Kill()
	w.Restart()
	if got := w.machine(); aws.ToString(got.ContainerInstanceArn) != aws.ToString(machine.ContainerInstanceArn) || got.RunningTasksCount != 0 {
		t.Errorf("after a restart: %+v", got)
	}
	w.endsWell(w.one(onEC2(types.NetworkModeHost, runs()), "RUNNING"))
}

// TestAMachineThatWasRestarted loses all that is not on disk: processes, namespaces, mounts, cgroups and /run.
func TestAMachineThatWasRestarted(t *testing.T) {
	w := start(t)
	tasks := []types.Task{w.one(onEC2(types.NetworkModeHost, runs()), "RUNNING"), w.one(fargate(runs()), "RUNNING")}
	for _, task := range tasks {
		w.printed(task, "main", 1)
	}
	in, err := instance.Find(w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	before := w.machine()
	w.Kill()
	powerOff(t, in.ID)
	w.Restart()
	for _, task := range tasks {
		now := w.until("STOPPED", task)
		if want := "The task's containers are gone: the machine was restarted, or they were removed behind the agent's back."; aws.ToString(now.StoppedReason) != want || now.StopCode == "" {
			t.Errorf("%s stopped with %s: %q", id(now), now.StopCode, aws.ToString(now.StoppedReason))
		}
		if c := now.Containers[0]; c.ExitCode != nil || aws.ToString(c.LastStatus) != "STOPPED" {
			t.Errorf("its container is %s with exit code %v", aws.ToString(c.LastStatus), c.ExitCode)
		}
	}
	if after := w.machine(); aws.ToString(after.ContainerInstanceArn) != aws.ToString(before.ContainerInstanceArn) || after.RunningTasksCount != 0 {
		t.Errorf("after: %+v", after)
	}
	for _, d := range []*ecs.RegisterTaskDefinitionInput{onEC2(types.NetworkModeHost, runs()), fargate(runs())} {
		w.endsWell(w.one(d, "RUNNING"))
	}
	berthtest.Eventually(t, 20*time.Second, "nothing is left of the tasks", func() bool { return len(berthtest.TaskLeftovers(t, in.ID)) == 0 })
}

// powerOff removes from the machine all of an instance that a restart of the machine would.
func powerOff(t *testing.T, instance string) {
	t.Helper()
	gone := func(kind string) (names []string) {
		for _, l := range berthtest.Leftovers(t, instance) {
			if fields := strings.Fields(l); fields[0] == kind {
				names = append(names, fields[1])
			}
		}
		slices.Reverse(names) // what is inside others comes first
		return names
	}
	for _, pid := range gone("process") {
		_ = exec.Command("kill", "-KILL", pid).Run() // one may end with another
	}
	berthtest.Eventually(t, 20*time.Second, "its processes are gone", func() bool { return len(gone("process")) == 0 })
	for _, path := range gone("mount") {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Fatalf("unmount %s: %v", path, err)
		}
	}
	for _, name := range gone("link") {
		_ = exec.Command("ip", "link", "del", name).Run() // it goes with its namespace
	}
	for _, dir := range gone("cgroup") {
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll("/run/berth/" + instance); err != nil {
		t.Fatal(err)
	}
}
