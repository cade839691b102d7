package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// runOptions are the flags of `berth run`.
type runOptions struct {
	count      int
	launchType string
	print      string
	detach     bool
}

func runCommand(flags *globals) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run FILE|FAMILY[:REVISION]",
		Short: "Run a task definition and wait until it runs",
		Long: "Run registers the task definition in FILE (the JSON of `aws ecs register-task-definition`), or takes the family that is\n" +
			"registered, starts a task of it and waits until the task runs.",
		Example: `  berth run examples/hello-web/task-definition.json
  berth run hello-web:3 --count 2
  berth run hello-web --print url                # only the address, for scripts`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			return t.run(cmd.Context(), args[0], o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().IntVar(&o.count, "count", 1, "how many tasks, 1 to 10")
	cmd.Flags().StringVar(&o.launchType, "launch-type", "", "FARGATE or EC2 (default: FARGATE when the definition allows it)")
	cmd.Flags().StringVar(&o.print, "print", "", "print one thing only: task or url")
	cmd.Flags().BoolVarP(&o.detach, "detach", "d", false, "do not wait until the task runs")
	return cmd
}

func (t *target) run(ctx context.Context, what string, o runOptions, out, progress io.Writer) error {
	if o.print != "" && o.print != "task" && o.print != "url" {
		return fmt.Errorf("--print %q: it is task or url", o.print)
	}
	if _, err := client.Call(ctx, t.client, ecs.CreateCluster, &ecs.CreateClusterRequest{ClusterName: t.cluster}); err != nil {
		return err
	}
	definition, err := t.definition(ctx, what)
	if err != nil {
		return err
	}
	in := ecs.RunTaskRequest{
		Cluster: t.cluster, TaskDefinition: definition.TaskDefinitionArn, Count: new(int32(o.count)),
		LaunchType: ecs.LaunchType(o.launchType), StartedBy: "berth run",
	}
	if in.LaunchType == "" {
		in.LaunchType = ecs.LaunchTypeEc2
		if slices.Contains(definition.RequiresCompatibilities, ecs.CompatibilityFargate) {
			in.LaunchType = ecs.LaunchTypeFargate
		}
	}
	if definition.NetworkMode == ecs.NetworkModeAwsvpc {
		if in.NetworkConfiguration, err = t.defaultNetwork(ctx); err != nil {
			return err
		}
	}
	answer, err := client.Call(ctx, t.client, ecs.RunTask, &in)
	if err != nil {
		return err
	}
	var failed error
	for _, f := range answer.Failures {
		failed = errors.Join(failed, fmt.Errorf("not placed: %s", strings.TrimSpace(f.Reason+" "+f.Detail)))
	}
	tasks := answer.Tasks
	if !o.detach && len(tasks) > 0 {
		if tasks, err = t.waitRunning(ctx, tasks, progress); err != nil {
			return errors.Join(failed, err)
		}
	}
	if err := t.printRun(ctx, tasks, o.print, out); err != nil {
		return err
	}
	return failed
}

// definition registers the file that what names, or finds the family.
func (t *target) definition(ctx context.Context, what string) (*ecs.TaskDefinition, error) {
	file, err := os.ReadFile(what)
	switch {
	case err == nil:
		var in ecs.RegisterTaskDefinitionRequest
		if err := json.Unmarshal(file, &in); err != nil {
			return nil, fmt.Errorf("%s is not a task definition in JSON: %w", what, err)
		}
		answer, err := client.Call(ctx, t.client, ecs.RegisterTaskDefinition, &in)
		if err != nil {
			return nil, fmt.Errorf("register %s: %w", what, err)
		}
		return answer.TaskDefinition, nil
	case errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(what, "/."):
		answer, err := client.Call(ctx, t.client, ecs.DescribeTaskDefinition, &ecs.DescribeTaskDefinitionRequest{TaskDefinition: what})
		if err != nil {
			return nil, fmt.Errorf("%s is neither a file here nor a family that is registered: %w", what, err)
		}
		return answer.TaskDefinition, nil
	default:
		return nil, err
	}
}

// defaultNetwork is the default VPC's subnets, with a public address.
func (t *target) defaultNetwork(ctx context.Context) (*ecs.NetworkConfiguration, error) {
	answer, err := client.Call(ctx, t.client, ec2.DescribeSubnets, &ec2.DescribeSubnetsRequest{
		Filters: []ec2.Filter{{Name: "default-for-az", Values: []string{"true"}}},
	})
	if err != nil {
		return nil, err
	}
	var subnets []string
	for _, s := range answer.Subnets {
		subnets = append(subnets, s.SubnetId)
	}
	return &ecs.NetworkConfiguration{AwsvpcConfiguration: &ecs.AwsVpcConfiguration{
		Subnets: subnets, AssignPublicIp: ecs.AssignPublicIpEnabled,
	}}, nil
}

// waitRunning waits until every task runs, telling each step. A task that stops first is an error with its reasons.
func (t *target) waitRunning(ctx context.Context, tasks []ecs.Task, progress io.Writer) ([]ecs.Task, error) {
	started := time.Now()
	var arns []string
	for _, task := range tasks {
		arns = append(arns, task.TaskArn)
	}
	said := map[string]string{}
	for {
		answer, err := client.Call(ctx, t.client, ecs.DescribeTasks, &ecs.DescribeTasksRequest{Cluster: t.cluster, Tasks: arns})
		if err != nil {
			return nil, err
		}
		running := 0
		for _, task := range answer.Tasks {
			line := t.taskStep(ctx, &task)
			if said[task.TaskArn] != line {
				said[task.TaskArn] = line
				fmt.Fprintf(progress, "%6.2fs  %s  %s\n", time.Since(started).Seconds(), shortID(task.TaskArn), line)
			}
			switch task.LastStatus {
			case "RUNNING":
				running++
			case "STOPPED", "DELETED":
				return nil, fmt.Errorf("task %s stopped: %s", shortID(task.TaskArn), stopText(&task))
			}
		}
		if running == len(arns) {
			return answer.Tasks, nil
		}
		if err := pause(ctx, pollEvery(time.Since(started))); err != nil {
			return nil, err
		}
	}
}

// taskStep is what the task does now: its status, and the image that it waits for.
func (t *target) taskStep(ctx context.Context, task *ecs.Task) string {
	if task.LastStatus != "PENDING" && task.LastStatus != "PROVISIONING" {
		return task.LastStatus
	}
	pulls, err := t.operator.Pulls(ctx)
	if err != nil {
		return task.LastStatus // the step is a courtesy: the status says enough
	}
	for _, pull := range pulls {
		for _, c := range task.Containers {
			if c.Image == pull.Reference {
				return fmt.Sprintf("%s  %s %s %s of %s", task.LastStatus, pull.Status, pull.Reference, bytesText(pull.Complete), bytesText(pull.Bytes))
			}
		}
	}
	return task.LastStatus
}

// pollEvery is how often to ask: quickly at first, for most tasks start in tens of milliseconds.
func pollEvery(waited time.Duration) time.Duration {
	if waited < 2*time.Second {
		return 20 * time.Millisecond
	}
	return 250 * time.Millisecond
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (t *target) printRun(ctx context.Context, tasks []ecs.Task, only string, out io.Writer) error {
	views, err := t.views(ctx, tasks)
	if err != nil {
		return err
	}
	if only == "" {
		return t.flags.show(out, views, viewTable(views))
	}
	for _, v := range views {
		text := v.Task
		if only == "url" {
			if len(v.URLs) == 0 {
				return fmt.Errorf("task %s has no address that this machine reaches", v.Task)
			}
			text = v.URLs[0]
		}
		fmt.Fprintln(out, text)
	}
	return nil
}
