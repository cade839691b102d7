package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

// runOptions are the flags of `berth run`.
type runOptions struct {
	count      int
	launchType string
	print      string
	detach     bool
	exec       bool
}

func runCommand(flags *globals) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run FILE|-|FAMILY[:REVISION]",
		Short: "Run a task definition and wait until it runs",
		Long: "Run registers the task definition in FILE (the JSON of `aws ecs register-task-definition`), or takes the family that is\n" +
			"registered, starts a task of it and waits until the task runs, or has run to a good end.",
		Example: `  berth run examples/hello-web/task-definition.json
  berth run hello-web:3 --count 2
  curl "$(berth run hello-web --print url)"      # only the address, for scripts`,
		Args: exactly("FILE or FAMILY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			t, err := flags.connect()
			if err != nil {
				return err
			}
			definition, err := t.definition(cmd.Context(), args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			return t.run(cmd.Context(), definition, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().IntVar(&o.count, "count", 1, "how many tasks, 1 to 10")
	cmd.Flags().StringVar(&o.launchType, "launch-type", "", "`TYPE`: FARGATE, EC2 or EXTERNAL (default: FARGATE when the definition allows it)")
	cmd.Flags().StringVar(&o.print, "print", "", "print only one `THING`, a line for each task: task (its id) or url")
	cmd.Flags().BoolVar(&o.exec, "enable-execute-command", true, "let commands be executed in its containers, by `berth exec` and ECS Exec")
	cmd.Flags().BoolVarP(&o.detach, "detach", "d", false, "do not wait until the task runs")
	return cmd
}

func (o *runOptions) check() error {
	switch {
	case o.count < 1 || o.count > 10:
		return usagef("--count %d: it is 1 to 10", o.count)
	case o.launchType != "" && !slices.Contains([]string{"FARGATE", "EC2", "EXTERNAL"}, o.launchType):
		return usagef("--launch-type %q: it is FARGATE, EC2 or EXTERNAL", o.launchType)
	case o.print != "" && o.print != "task" && o.print != "url":
		return usagef("--print %q: it is task or url", o.print)
	case o.print == "url" && o.detach:
		return usagef("--print url and --detach: a task has an address when it runs; leave one out")
	}
	return nil
}

func (t *target) run(ctx context.Context, definition *ecs.TaskDefinition, o runOptions, out, errOut io.Writer) error {
	in := ecs.RunTaskRequest{
		Cluster: t.cluster, TaskDefinition: definition.TaskDefinitionArn, Count: new(int32(o.count)),
		LaunchType: ecs.LaunchType(o.launchType), StartedBy: "berth run", EnableExecuteCommand: o.exec,
	}
	var err error
	if in.LaunchType, in.NetworkConfiguration, err = t.launch(ctx, definition, in.LaunchType); err != nil {
		return err
	}
	answer, err := client.Call(ctx, t.client, ecs.RunTask, &in)
	if err = t.makeCluster(ctx, err); errors.Is(err, errMade) {
		answer, err = client.Call(ctx, t.client, ecs.RunTask, &in)
	}
	if err != nil {
		return t.clusterError(err)
	}
	var failed error
	for _, f := range answer.Failures {
		failed = errors.Join(failed, fmt.Errorf("a task was not placed: %s", strings.TrimSpace(f.Reason+" "+f.Detail)))
	}
	tasks := answer.Tasks
	if !o.detach {
		var ended error
		tasks, ended = t.waitRunning(ctx, tasks, errOut)
		failed = errors.Join(failed, ended)
	}
	if len(tasks) == 0 {
		return failed
	}
	return errors.Join(failed, t.printRun(ctx, tasks, o.print, out))
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
				return fmt.Errorf("task %s has no port that this machine reaches: its definition maps none, or it does not run", v.Task)
			}
			text = v.URLs[0]
		}
		fmt.Fprintln(out, text)
	}
	return nil
}
