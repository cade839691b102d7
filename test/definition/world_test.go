package definition

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/test/berthtest"
)

// world is a Berth with the image see:test.
type world struct {
	*berthtest.Berth
	t    *testing.T
	ecs  *ecs.Client
	logs *cloudwatchlogs.Client
	vpc  *types.NetworkConfiguration // of one default subnet
}

func start(t *testing.T) *world {
	t.Helper()
	b := berthtest.Start(t)
	b.Run("image", "import", berthtest.Archive(t, "see:test", "./test/definition/see"))
	sdk := b.SDK()
	subnets, err := ec2.NewFromConfig(sdk).DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})
	if err != nil {
		t.Fatal(err)
	}
	return &world{Berth: b, t: t, ecs: ecs.NewFromConfig(sdk), logs: cloudwatchlogs.NewFromConfig(sdk), vpc: &types.NetworkConfiguration{
		AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{aws.ToString(subnets.Subnets[0].SubnetId)}},
	}}
}

// in is the same world for a subtest.
func (w *world) in(t *testing.T) *world {
	sub := *w
	sub.Berth, sub.t = w.For(t), t
	return &sub
}

// register registers the task definition of a file.
func (w *world) register(file string) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		w.t.Fatal(err)
	}
	var in ecs.RegisterTaskDefinitionInput
	if err := json.Unmarshal(text, &in, json.MatchCaseInsensitiveNames(true), json.RejectUnknownMembers(true)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.ecs.RegisterTaskDefinition(w.t.Context(), &in); err != nil {
		w.t.Fatal(err)
	}
}

// run starts one task and waits until it runs.
func (w *world) run(in *ecs.RunTaskInput) types.Task {
	w.t.Helper()
	out, err := w.ecs.RunTask(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(out.Tasks) != 1 {
		w.t.Fatalf("nothing runs: %s", fmt.Sprint(aws.ToString(out.Failures[0].Reason), " ", aws.ToString(out.Failures[0].Detail)))
	}
	return w.until("RUNNING", out.Tasks[0])
}

// until waits until a task has a status.
func (w *world) until(status string, task types.Task) (now types.Task) {
	w.t.Helper()
	berthtest.Eventually(w.t, 20*time.Second, "the task is "+status, func() bool {
		now = w.describe(task)
		last := aws.ToString(now.LastStatus)
		if last == "STOPPED" && status != last {
			w.t.Fatalf("the task has stopped: %s %+v", aws.ToString(now.StoppedReason), now.Containers)
		}
		return last == status
	})
	return now
}

func (w *world) describe(task types.Task) types.Task {
	w.t.Helper()
	out, err := w.ecs.DescribeTasks(w.t.Context(), &ecs.DescribeTasksInput{Tasks: []string{aws.ToString(task.TaskArn)}, Include: []types.TaskField{types.TaskFieldTags}})
	if err != nil || len(out.Tasks) != 1 {
		w.t.Fatalf("describe: %v, %+v", err, out)
	}
	return out.Tasks[0]
}

func (w *world) stop(task types.Task) types.Task {
	w.t.Helper()
	if _, err := w.ecs.StopTask(w.t.Context(), &ecs.StopTaskInput{Task: task.TaskArn, Reason: aws.String("seen")}); err != nil {
		w.t.Fatal(err)
	}
	return w.until("STOPPED", task)
}

func id(task types.Task) string {
	arn := aws.ToString(task.TaskArn)
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

func container(task types.Task, name string) types.Container {
	i := slices.IndexFunc(task.Containers, func(c types.Container) bool { return aws.ToString(c.Name) == name })
	return task.Containers[i]
}

// seen is what a container has printed, once it has said all.
func (w *world) seen(stream string) map[string]string {
	w.t.Helper()
	facts := map[string]string{}
	berthtest.Eventually(w.t, 15*time.Second, stream+" has said what it sees", func() bool {
		out, err := w.logs.GetLogEvents(w.t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/definition"),
			LogStreamName: aws.String(stream), StartFromHead: aws.Bool(true)})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range out.Events {
			name, value, _ := strings.Cut(aws.ToString(e.Message), "=")
			facts[name] = value
		}
		_, ended := facts["end"]
		return ended
	})
	return facts
}

// check compares what was seen with what should be. A value that ends in "*" is a beginning.
func (w *world) check(container string, facts, want map[string]string) {
	w.t.Helper()
	for name, value := range want {
		got, ok := facts[name]
		beginning, open := strings.CutSuffix(value, "*")
		if !ok || got != value && !(open && strings.HasPrefix(got, beginning)) {
			w.t.Errorf("container %s sees %s=%q, %v; want %q", container, name, got, ok, value)
		}
	}
}
