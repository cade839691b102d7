package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/progress"
	"github.com/berth-dev/berth/internal/wire/client"
)

func stopCommand(flags *globals) *cobra.Command {
	var reason string
	var detach bool
	cmd := &cobra.Command{
		Use:   "stop TASK|FAMILY...",
		Short: "Stop tasks and wait until they have stopped",
		Long: "Stop sends the containers of tasks, or of all tasks of a family, SIGTERM and after their stopTimeout (30 s unless set)\n" +
			"SIGKILL, and waits for their end.",
		Example: "  berth stop 3f2a\n  berth stop hello-web --reason \"new release\"",
		Args:    atLeastOne("TASK or FAMILY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			return t.stop(cmd.Context(), args, reason, detach, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY`, as the stopped task tells it")
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "do not wait until the tasks have stopped")
	return cmd
}

// halted is a task that `berth stop` stopped.
type halted struct {
	Task   string `json:"task"`
	ARN    string `json:"taskArn"`
	Status string `json:"lastStatus"`
}

func (t *target) stop(ctx context.Context, words []string, reason string, detach bool, out, errOut io.Writer) error {
	arns, err := t.lookUp(ctx, words)
	if err != nil {
		return err
	}
	for _, arn := range arns {
		in := ecs.StopTaskRequest{Cluster: t.cluster, Task: arn, Reason: reason}
		if _, err := client.Call(ctx, t.client, ecs.StopTask, &in); err != nil {
			return fmt.Errorf("stop %s: %w", shortID(arn), err)
		}
	}
	p := progress.To(errOut)
	defer p.Done()
	for {
		tasks, err := t.describe(ctx, arns)
		var going []string
		for _, task := range tasks {
			if task.LastStatus != "STOPPED" {
				going = append(going, shortID(task.TaskArn))
			}
		}
		if err == nil && (len(going) == 0 || detach) {
			p.Done()
			return t.printHalted(out, arns, tasks)
		}
		p.State("waiting for %s to stop", joinWords(going))
		if pause(ctx, pollEvery(0)) != nil {
			return leftBehind("the tasks go on stopping; `" + t.flags.line("ps", "-a") + "` shows when they have")
		}
		if err != nil {
			return err
		}
	}
}

// lookUp returns the ARNs of what all the words name: tasks that run, or one that has stopped already.
func (t *target) lookUp(ctx context.Context, words []string) ([]string, error) {
	var arns []string
	for _, word := range words {
		named, err := t.named(ctx, word, tasksAndFamilies, ecs.DesiredStatusRunning)
		if errors.Is(err, errNone) {
			named, err = t.named(ctx, word, tasksAndFamilies, ecs.DesiredStatusStopped)
			if len(named) > 1 {
				named = nil // a whole family: nothing of it runs
			}
		}
		if err != nil {
			return nil, err
		}
		for _, task := range named {
			arns = append(arns, task.TaskArn)
		}
	}
	slices.Sort(arns)
	return slices.Compact(arns), nil
}

func (t *target) printHalted(out io.Writer, arns []string, tasks []ecs.Task) error {
	status := map[string]string{}
	for _, task := range tasks {
		status[task.TaskArn] = task.LastStatus
	}
	list := []halted{}
	for _, arn := range arns {
		h := halted{shortID(arn), arn, status[arn]}
		if h.Status == "" {
			h.Status = "DELETED" // and forgotten, as a reset does
		}
		list = append(list, h)
	}
	if t.flags.output == "json" {
		return writeJSON(out, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "they have all stopped already")
		return err
	}
	for _, h := range list {
		if _, err := fmt.Fprintf(out, "%s %s\n", h.Task, h.Status); err != nil {
			return err
		}
	}
	return nil
}
