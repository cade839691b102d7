package ecs

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/test/berthtest"
)

// agents answers for the agents: every task that is committed goes to RUNNING, and to STOPPED once it is ordered to.
func (w *world) agents() {
	_, events := w.Tasks.Watch(w.ctx)
	go func() {
		for e := range events {
			if e.New == nil {
				continue
			}
			switch t := e.New.Value; {
			case t.Stop != nil && t.Status == Running:
				_ = w.ApplyTaskReport(w.ctx, here, t.ID, TaskReport{Status: Stopped, Containers: []ecs.ContainerStateChange{stoppedWith(t.Containers[0].Name, 143, "")}})
			case t.Status == Provisioning || t.Status == Pending:
				_ = w.ApplyTaskReport(w.ctx, here, t.ID, TaskReport{Status: Running, Containers: []ecs.ContainerStateChange{running(t.Containers[0].Name)}})
			}
		}
	}()
}

// The official SDK is strict about types where others let wrong ones pass.
func TestWithTheGoSDK(t *testing.T) {
	w := newWorld(t, Config{})
	endpoint, _ := w.wire()
	w.agents()
	c := sdk.New(sdk.Options{Region: here.Region, BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("AK", "secret", "")})
	ctx := t.Context()

	cluster := got(c.CreateCluster(ctx, &sdk.CreateClusterInput{}))(w).Cluster
	if aws.ToString(cluster.Status) != "ACTIVE" {
		t.Errorf("cluster %+v", cluster)
	}
	w.fargate(2048, 8192)
	definition := got(c.RegisterTaskDefinition(ctx, &sdk.RegisterTaskDefinitionInput{
		Family: aws.String("web"), NetworkMode: types.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("berth/hello"),
			PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8080)}}}}}))(w).TaskDefinition
	if definition.Revision != 1 || definition.RegisteredAt == nil || time.Since(*definition.RegisteredAt) > time.Minute {
		t.Errorf("definition %+v", definition)
	}
	out := got(c.RunTask(ctx, &sdk.RunTaskInput{TaskDefinition: definition.TaskDefinitionArn, LaunchType: types.LaunchTypeFargate, Count: aws.Int32(3),
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}}}))(w)
	if len(out.Tasks) != 3 || len(out.Failures) != 0 {
		t.Fatalf("%+v", out)
	}
	var tasks []string
	for _, task := range out.Tasks {
		tasks = append(tasks, *task.TaskArn)
	}
	describe := &sdk.DescribeTasksInput{Tasks: tasks}
	w.ok(sdk.NewTasksRunningWaiter(c, func(o *sdk.TasksRunningWaiterOptions) { o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond }).Wait(ctx, describe, 10*time.Second))
	for _, task := range tasks {
		got(c.StopTask(ctx, &sdk.StopTaskInput{Task: &task, Reason: aws.String("enough")}))(w)
	}
	w.ok(sdk.NewTasksStoppedWaiter(c, func(o *sdk.TasksStoppedWaiterOptions) { o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond }).Wait(ctx, describe, 10*time.Second))
	for _, task := range got(c.DescribeTasks(ctx, describe))(w).Tasks {
		if task.StopCode != types.TaskStopCodeUserInitiated || *task.StoppedReason != "enough" || *task.Containers[0].ExitCode != 143 || task.StoppedAt == nil {
			t.Errorf("task %+v", task)
		}
	}

	pages := sdk.NewListTasksPaginator(c, &sdk.ListTasksInput{DesiredStatus: types.DesiredStatusStopped, MaxResults: aws.Int32(2)})
	listed := map[string]bool{}
	for pages.HasMorePages() {
		for _, arn := range got(pages.NextPage(ctx))(w).TaskArns {
			listed[arn] = true
		}
	}
	if len(listed) != 3 {
		t.Errorf("paging listed %d of 3 tasks", len(listed))
	}
	_, err := c.RunTask(ctx, &sdk.RunTaskInput{Cluster: aws.String("none"), TaskDefinition: aws.String("web")})
	if e := new(types.ClusterNotFoundException); !errors.As(err, &e) {
		t.Errorf("not a typed error: %v", err)
	}
	token := &sdk.RunTaskInput{TaskDefinition: aws.String("web"), LaunchType: types.LaunchTypeFargate, ClientToken: aws.String("t"),
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}}}
	first := got(c.RunTask(ctx, token))(w)
	if again := got(c.RunTask(ctx, token))(w); *again.Tasks[0].TaskArn != *first.Tasks[0].TaskArn {
		t.Error("a token ran two tasks")
	}
	token.Count = aws.Int32(2)
	_, err = c.RunTask(ctx, token)
	if e := new(types.ConflictException); !errors.As(err, &e) {
		t.Errorf("not a typed error: %v", err)
	}
}

// boto3 adds what it makes of answers by itself: waiters and paginators by name, and errors as attributes.
const pythonSession = `
import boto3, sys, botocore
c = boto3.client("ecs", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="AK", aws_secret_access_key="secret")
c.create_cluster()
for n in range(5):
    d = c.register_task_definition(family="web", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="1 vCPU", memory="2 GB",
        containerDefinitions=[{"name": "web", "image": "berth/hello", "essential": True}])["taskDefinition"]
assert d["revision"] == 5 and d["cpu"] == "1024" and d["memory"] == "2048", d
pages = c.get_paginator("list_task_definitions").paginate(sort="DESC", PaginationConfig={"PageSize": 2})
arns = [a for p in pages for a in p["taskDefinitionArns"]]
assert [a[-1] for a in arns] == ["5", "4", "3", "2", "1"], arns
c.deregister_task_definition(taskDefinition="web:5")
assert c.describe_task_definition(taskDefinition="web")["taskDefinition"]["revision"] == 4
t = c.run_task(taskDefinition="web", launchType="FARGATE", tags=[{"key": "a", "value": "b"}],
    networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}})["tasks"][0]
fast = {"Delay": 0, "MaxAttempts": 1000}
c.get_waiter("tasks_running").wait(tasks=[t["taskArn"]], WaiterConfig=fast)
assert c.list_tags_for_resource(resourceArn=t["taskArn"])["tags"] == [{"key": "a", "value": "b"}]
assert c.list_tasks(family="web", launchType="FARGATE")["taskArns"] == [t["taskArn"]]
c.stop_task(task=t["taskArn"])
c.get_waiter("tasks_stopped").wait(tasks=[t["taskArn"]], WaiterConfig=fast)
d = c.describe_tasks(tasks=[t["taskArn"]], include=["TAGS"])["tasks"][0]
assert d["stoppedReason"] == "Task stopped by user" and d["stoppedAt"] >= d["createdAt"] and d["tags"], d
for call, code in [(lambda: c.list_tasks(cluster="x"), "ClusterNotFoundException"),
                   (lambda: c.run_task(taskDefinition="y"), "ClientException"),
                   (lambda: c.run_task(taskDefinition="web:5"), "InvalidParameterException"),
                   (lambda: c.create_service(serviceName="s"), "UnknownOperationException")]:
    try:
        call(); assert False
    except botocore.exceptions.ClientError as e:
        assert e.response["Error"]["Code"] == code, e
`

func TestWithBoto3(t *testing.T) {
	if exec.Command(berthtest.Tool(t, "python3"), "-c", "import boto3").Run() != nil {
		berthtest.Missing(t, "boto3 of python3")
	}
	w := newWorld(t, Config{})
	endpoint, _ := w.wire()
	w.cluster("default")
	w.fargate(2048, 8192)
	w.agents()
	python := exec.CommandContext(t.Context(), "python3", "-", endpoint)
	python.Stdin = strings.NewReader(pythonSession)
	python.Env = append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true")
	if text, err := python.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
