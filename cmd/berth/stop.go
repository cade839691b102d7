package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/client"
)

func stopCommand(flags *globals) *cobra.Command {
	var reason string
	var detach bool
	cmd := &cobra.Command{
		Use:     "stop TASK|FAMILY...",
		Short:   "Stop tasks and wait until they have stopped",
		Example: "  berth stop 3f2a\n  berth stop hello-web --reason \"new release\"",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			return t.stop(cmd.Context(), args, reason, detach, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, as the stopped task tells it")
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "do not wait until the tasks have stopped")
	return cmd
}

func (t *target) stop(ctx context.Context, words []string, reason string, detach bool, out io.Writer) error {
	running, err := t.tasks(ctx, ecs.DesiredStatusRunning)
	if err != nil {
		return err
	}
	var arns []string
	for _, word := range words {
		tasks, err := find(running, word)
		if err != nil {
			return err
		}
		for _, task := range tasks {
			in := ecs.StopTaskRequest{Cluster: t.cluster, Task: task.TaskArn, Reason: reason}
			if _, err := client.Call(ctx, t.client, ecs.StopTask, &in); err != nil {
				return fmt.Errorf("stop %s: %w", shortID(task.TaskArn), err)
			}
			arns = append(arns, task.TaskArn)
		}
	}
	for len(arns) > 0 && !detach {
		batch := arns[:min(100, len(arns))]
		answer, err := client.Call(ctx, t.client, ecs.DescribeTasks, &ecs.DescribeTasksRequest{Cluster: t.cluster, Tasks: batch})
		if err != nil {
			return err
		}
		stopped := 0
		for _, task := range answer.Tasks {
			if task.LastStatus == "STOPPED" {
				stopped++
			}
		}
		if stopped == len(batch) {
			arns = arns[len(batch):]
			for _, arn := range batch {
				fmt.Fprintf(out, "%s stopped\n", shortID(arn))
			}
			continue
		}
		if err := pause(ctx, pollEvery(0)); err != nil {
			return err
		}
	}
	for _, arn := range arns {
		fmt.Fprintf(out, "%s stopping\n", shortID(arn))
	}
	return nil
}
