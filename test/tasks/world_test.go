// Package tasks runs real tasks through the whole program and looks at them as their users do: through the APIs, from the
// host, and from inside their containers. It has a host of its own, so that it can break the host's firewall and resolver.
package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/berth-dev/berth/test/berthtest"
)

func TestMain(m *testing.M) { berthtest.OnOwnHost(m) }

// world is a Berth that has the probe's image, and clients of it.
type world struct {
	*berthtest.Berth
	t       *testing.T
	ecs     *ecs.Client
	ec2     *ec2.Client
	logs    *cloudwatchlogs.Client
	subnets []string
}

func start(t *testing.T, args ...string) *world {
	t.Helper()
	archive := probeArchive(t)
	b := berthtest.Start(t, args...)
	b.Run("image", "import", archive)
	sdk := b.SDK()
	w := &world{Berth: b, t: t, ecs: ecs.NewFromConfig(sdk), ec2: ec2.NewFromConfig(sdk), logs: cloudwatchlogs.NewFromConfig(sdk)}
	subnets, err := w.ec2.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range subnets.Subnets {
		w.subnets = append(w.subnets, aws.ToString(s.SubnetId))
	}
	slices.Sort(w.subnets)
	return w
}

// in is the same world for a subtest.
func (w *world) in(t *testing.T) *world {
	sub := *w
	sub.Berth, sub.t = w.For(t), t
	return &sub
}

// container is an essential container that runs the probe.
func container(name string, command ...string) types.ContainerDefinition {
	return types.ContainerDefinition{Name: aws.String(name), Image: aws.String(probe), Command: command, Essential: aws.Bool(true),
		StopTimeout: aws.Int32(2)}
}

// logged gives a container a log: /<family of the test>, stream t/<container>/<task>.
func logged(c types.ContainerDefinition, options ...string) types.ContainerDefinition {
	all := map[string]string{"awslogs-group": "/tasks", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "t", "awslogs-create-group": "true"}
	for i := 0; i+1 < len(options); i += 2 {
		all[options[i]] = options[i+1]
	}
	c.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: all}
	return c
}

// fargate is a definition of the smallest Fargate size.
func fargate(containers ...types.ContainerDefinition) *ecs.RegisterTaskDefinitionInput {
	return &ecs.RegisterTaskDefinitionInput{NetworkMode: types.NetworkModeAwsvpc, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		Cpu: aws.String("256"), Memory: aws.String("512"), ExecutionRoleArn: aws.String("arn:aws:iam::000000000000:role/execution"),
		ContainerDefinitions: containers}
}

// onEC2 is a definition for container instances, of containers that each get 64 MiB unless they say otherwise.
func onEC2(mode types.NetworkMode, containers ...types.ContainerDefinition) *ecs.RegisterTaskDefinitionInput {
	for i := range containers {
		if containers[i].Memory == nil {
			containers[i].Memory = aws.Int32(64)
		}
	}
	return &ecs.RegisterTaskDefinitionInput{NetworkMode: mode, ContainerDefinitions: containers}
}

// define registers a definition, in a family named for the test unless it has one, and returns family:revision.
func (w *world) define(d *ecs.RegisterTaskDefinitionInput) string {
	w.t.Helper()
	if d.Family == nil {
		d.Family = aws.String(strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
				return r
			}
			return '-'
		}, w.t.Name()))
	}
	out, err := w.ecs.RegisterTaskDefinition(w.t.Context(), d)
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprintf("%s:%d", aws.ToString(d.Family), out.TaskDefinition.Revision)
}

// request runs one task of a definition, on Fargate with an address on the host or on EC2, as the definition says.
func (w *world) request(d *ecs.RegisterTaskDefinitionInput) *ecs.RunTaskInput {
	w.t.Helper()
	in := &ecs.RunTaskInput{TaskDefinition: aws.String(w.define(d)), LaunchType: types.LaunchTypeEc2}
	public := types.AssignPublicIpDisabled
	if slices.Contains(d.RequiresCompatibilities, types.CompatibilityFargate) {
		in.LaunchType, public = types.LaunchTypeFargate, types.AssignPublicIpEnabled
	}
	if d.NetworkMode == types.NetworkModeAwsvpc {
		in.NetworkConfiguration = &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: w.subnets[:1], AssignPublicIp: public}}
	}
	return in
}

// run runs tasks that all find room.
func (w *world) run(in *ecs.RunTaskInput) []types.Task {
	w.t.Helper()
	once := *in // the SDK writes a client token into what it is given
	out, err := w.ecs.RunTask(w.t.Context(), &once)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(out.Failures) > 0 || len(out.Tasks) != int(max(aws.ToInt32(in.Count), 1)) {
		w.t.Fatalf("run %s: %d tasks, failures %s", aws.ToString(in.TaskDefinition), len(out.Tasks), failures(out.Failures))
	}
	return out.Tasks
}

// one runs one task of a definition and waits until it has a status.
func (w *world) one(d *ecs.RegisterTaskDefinitionInput, status string) types.Task {
	w.t.Helper()
	return w.until(status, w.run(w.request(d))[0])
}

func failures(list []types.Failure) string {
	var texts []string
	for _, f := range list {
		texts = append(texts, fmt.Sprintf("%s %s %s", aws.ToString(f.Arn), aws.ToString(f.Reason), aws.ToString(f.Detail)))
	}
	return strings.Join(texts, "; ")
}

// describe describes a task of any cluster.
func (w *world) describe(task types.Task) types.Task {
	w.t.Helper()
	out, err := w.ecs.DescribeTasks(w.t.Context(), &ecs.DescribeTasksInput{Cluster: task.ClusterArn, Tasks: []string{aws.ToString(task.TaskArn)},
		Include: []types.TaskField{types.TaskFieldTags}})
	if err != nil || len(out.Tasks) != 1 {
		w.t.Fatalf("describe %s: %v %+v", aws.ToString(task.TaskArn), err, out)
	}
	return out.Tasks[0]
}

// until waits until a task has a status. One that has stopped must say why, whatever happened to it.
func (w *world) until(status string, task types.Task) types.Task {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		now := w.describe(task)
		last := aws.ToString(now.LastStatus)
		if last == "STOPPED" && (aws.ToString(now.StoppedReason) == "" || now.StopCode == "") {
			w.t.Errorf("%s has stopped and does not say why: %q %q%s", id(now), now.StopCode, aws.ToString(now.StoppedReason), reasons(now))
		}
		switch {
		case last == status:
			return now
		case last == "STOPPED":
			w.t.Fatalf("%s has stopped: %s: %s%s", id(now), now.StopCode, aws.ToString(now.StoppedReason), reasons(now))
		case time.Now().After(end):
			w.t.Fatalf("%s is %s and not %s", id(now), last, status)
		}
	}
}

func reasons(task types.Task) (text string) {
	for _, c := range task.Containers {
		text += fmt.Sprintf("; %s %s", aws.ToString(c.Name), aws.ToString(c.Reason))
		if c.ExitCode != nil {
			text += fmt.Sprintf(" (exit %d)", *c.ExitCode)
		}
	}
	return text
}

// stop stops a task and waits for its end.
func (w *world) stop(task types.Task) types.Task {
	w.t.Helper()
	if _, err := w.ecs.StopTask(w.t.Context(), &ecs.StopTaskInput{Cluster: task.ClusterArn, Task: task.TaskArn}); err != nil {
		w.t.Fatal(err)
	}
	return w.until("STOPPED", task)
}

// runs is the container main, which says that it runs and ends well when told to.
func runs() types.ContainerDefinition { return logged(container("main", "run")) }

// endsWell stops a task once its container main has said that it runs: from then on SIGTERM does not end it otherwise
// than it means to.
func (w *world) endsWell(task types.Task) types.Task {
	w.t.Helper()
	w.output(task, "main").until("running", func(messages []string) bool { return slices.Contains(messages, "running") })
	task = w.stop(task)
	w.exited(task, "main", 0)
	return task
}

func id(task types.Task) string {
	arn := aws.ToString(task.TaskArn)
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

// byName is a task's container.
func (w *world) byName(task types.Task, name string) types.Container {
	w.t.Helper()
	for _, c := range task.Containers {
		if aws.ToString(c.Name) == name {
			return c
		}
	}
	w.t.Fatalf("%s has no container %s", id(task), name)
	return types.Container{}
}

// exited checks a container's exit code.
func (w *world) exited(task types.Task, name string, code int32) {
	w.t.Helper()
	if c := w.byName(task, name); c.ExitCode == nil || *c.ExitCode != code {
		w.t.Errorf("container %s ended otherwise than with exit code %d: %s: %s%s", name, code, task.StopCode, aws.ToString(task.StoppedReason), reasons(task))
	}
}

// eni is the network interface of a task, as EC2 describes it.
func (w *world) eni(task types.Task) ec2types.NetworkInterface {
	w.t.Helper()
	out, err := w.ec2.DescribeNetworkInterfaces(w.t.Context(), &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{detail(task, "networkInterfaceId")}})
	if err != nil || len(out.NetworkInterfaces) != 1 {
		w.t.Fatalf("network interface of %s: %v %+v", id(task), err, out)
	}
	return out.NetworkInterfaces[0]
}

func detail(task types.Task, name string) string {
	for _, a := range task.Attachments {
		for _, d := range a.Details {
			if aws.ToString(d.Name) == name {
				return aws.ToString(d.Value)
			}
		}
	}
	return ""
}

// publicIP waits until the network interface shows the address by which the host reaches the task.
func (w *world) publicIP(task types.Task) (address string) {
	w.t.Helper()
	berthtest.Eventually(w.t, 20*time.Second, "the task has a public address", func() bool {
		a := w.eni(task).Association
		if a != nil {
			address = aws.ToString(a.PublicIp)
		}
		return address != ""
	})
	return address
}

// ask asks a probe that serves, given by its address and port.
func (w *world) ask(at, question string, arguments ...string) string {
	w.t.Helper()
	answer, err := tryAsk(w.t.Context(), at, question, arguments...)
	if err != nil {
		w.t.Fatalf("%s: %s %s: %v", at, question, strings.Join(arguments, " "), err)
	}
	return answer
}

// tryAsk is ask whose error may be the probe's answer. It waits until somebody listens.
func tryAsk(ctx context.Context, at, question string, arguments ...string) (string, error) {
	q := url.Values{}
	for i := 0; i+1 < len(arguments); i += 2 {
		q.Set(arguments[i], arguments[i+1])
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/"+question+"?"+q.Encode(), nil)
		if err != nil {
			return "", err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			select {
			case <-time.After(20 * time.Millisecond):
				continue
			case <-ctx.Done():
				return "", err
			}
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = errors.New(strings.TrimSpace(string(body)))
		}
		return string(body), err
	}
}

// code is the code of an AWS error, empty for none.
func code(err error) string {
	var answered smithy.APIError
	if errors.As(err, &answered) {
		return answered.ErrorCode()
	}
	return ""
}

// wantError checks an AWS error's code and a part of its message.
func (w *world) wantError(err error, wantCode, part string) {
	w.t.Helper()
	var answered smithy.APIError
	if !errors.As(err, &answered) || answered.ErrorCode() != wantCode || !strings.Contains(answered.ErrorMessage(), part) {
		w.t.Errorf("the error is %v, want %s: %s", err, wantCode, part)
	}
}
