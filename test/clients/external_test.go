package clients

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/test/berthtest"
)

// TestOneMachineOffersAllLaunchTypes runs real containers on the machine's two container instances: placed by launch type,
// and put there by name.
func TestOneMachineOffersAllLaunchTypes(t *testing.T) {
	b := berthtest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	client := ecs.NewFromConfig(sdk(t, b))
	own, external := containerInstances(t, ctx, client)
	clusters, err := client.DescribeClusters(ctx, &ecs.DescribeClustersInput{})
	if err != nil || len(clusters.Clusters) != 1 || clusters.Clusters[0].RegisteredContainerInstancesCount != 2 {
		t.Errorf("%v %+v", err, clusters)
	}
	_, err = client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("job"), NetworkMode: types.NetworkModeHost, RequiresCompatibilities: []types.Compatibility{types.CompatibilityExternal},
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("berth/hello"), Memory: aws.Int32(32),
			StopTimeout: aws.Int32(2), Environment: []types.KeyValuePair{{Name: aws.String("PORT"), Value: aws.String("0")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ran, err := client.RunTask(ctx, &ecs.RunTaskInput{TaskDefinition: aws.String("job"), LaunchType: types.LaunchTypeExternal, StartedBy: aws.String("run")})
	if err != nil || len(ran.Tasks) != 1 {
		t.Fatalf("RunTask: %v %+v", err, ran)
	}
	started, err := client.StartTask(ctx, &ecs.StartTaskInput{
		TaskDefinition: aws.String("job"), ContainerInstances: []string{own, external, "0123456789abcdef0123456789abcdef"}, StartedBy: aws.String("start")})
	if err != nil || len(started.Tasks) != 2 || len(started.Failures) != 1 || aws.ToString(started.Failures[0].Reason) != "MISSING" {
		t.Fatalf("StartTask: %v %+v", err, started)
	}
	want := []struct {
		task       types.Task
		instance   string
		launchType types.LaunchType
	}{{ran.Tasks[0], external, types.LaunchTypeExternal}, {started.Tasks[0], own, types.LaunchTypeEc2}, {started.Tasks[1], external, types.LaunchTypeExternal}}
	var arns []string
	for _, w := range want {
		if aws.ToString(w.task.ContainerInstanceArn) != w.instance || w.task.LaunchType != w.launchType {
			t.Errorf("a task of %s on %s, want %s on %s", w.task.LaunchType, aws.ToString(w.task.ContainerInstanceArn), w.launchType, w.instance)
		}
		arns = append(arns, aws.ToString(w.task.TaskArn))
	}
	describe := &ecs.DescribeTasksInput{Tasks: arns}
	quick := func(o *ecs.TasksRunningWaiterOptions) { o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second }
	if err := ecs.NewTasksRunningWaiter(client).Wait(ctx, describe, time.Minute, quick); err != nil {
		t.Fatal(err)
	}
	for by, n := range map[string]int{"run": 1, "start": 2} {
		if out, err := client.ListTasks(ctx, &ecs.ListTasksInput{StartedBy: aws.String(by)}); err != nil || len(out.TaskArns) != n {
			t.Errorf("started by %s: %v %+v", by, err, out)
		}
	}
	for _, arn := range arns {
		if _, err := client.StopTask(ctx, &ecs.StopTaskInput{Task: aws.String(arn), Reason: aws.String("done")}); err != nil {
			t.Fatal(err)
		}
	}
	quickly := func(o *ecs.TasksStoppedWaiterOptions) { o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second }
	if err := ecs.NewTasksStoppedWaiter(client).Wait(ctx, describe, time.Minute, quickly); err != nil {
		t.Fatal(err)
	}
	stopped, err := client.DescribeTasks(ctx, describe)
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range stopped.Tasks {
		if aws.ToString(task.StoppedReason) != "done" || task.StopCode != types.TaskStopCodeUserInitiated {
			t.Errorf("%s: %s", task.StopCode, aws.ToString(task.StoppedReason))
		}
	}
}

// containerInstances are the machine's container instances: its own, and the external one.
func containerInstances(t *testing.T, ctx context.Context, client *ecs.Client) (own, external string) {
	t.Helper()
	listed, err := client.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{})
	if err != nil || len(listed.ContainerInstanceArns) != 2 {
		t.Fatalf("container instances: %v %+v", err, listed)
	}
	described, err := client.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{ContainerInstances: listed.ContainerInstanceArns})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range described.ContainerInstances {
		if slices.ContainsFunc(i.Attributes, func(a types.Attribute) bool { return aws.ToString(a.Name) == "ecs.capability.external" }) {
			external = aws.ToString(i.ContainerInstanceArn)
			if !strings.HasPrefix(aws.ToString(i.Ec2InstanceId), "mi-") {
				t.Errorf("the external instance is called %s", aws.ToString(i.Ec2InstanceId))
			}
		} else {
			own = aws.ToString(i.ContainerInstanceArn)
		}
	}
	return own, external
}
