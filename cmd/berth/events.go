package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/operator"
	"github.com/berth-dev/berth/internal/progress"
)

func eventsCommand(flags *globals) *cobra.Command {
	var q operator.EventQuery
	var follow bool
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Print what happened to tasks and container instances",
		Long: "Events prints the state changes of tasks and container instances, in order: the newest 100, or those after a number. As\n" +
			"JSON each line is an object with the change's number and the event as EventBridge delivers it.",
		Example: "  berth events --follow\n  berth events --task 3f2a --last 10000\n  berth events --after 4711 --output json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch after := cmd.Flags().Changed("after"); {
			case after && cmd.Flags().Changed("last"):
				return usagef("--after and --last both say where to begin: give one")
			case after:
				q.Last = 0
			case q.Last < 0:
				return usagef("--last %d: it is a number of changes", q.Last)
			}
			t, err := flags.connect()
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("cluster") {
				q.Cluster = afterSlash(flags.cluster)
			}
			q.Task = afterSlash(q.Task)
			if q.Last == 0 && !cmd.Flags().Changed("after") { // what comes from now on
				newest, err := t.operator.Events(cmd.Context(), operator.EventQuery{Last: 1})
				if err != nil {
					return err
				}
				q.After = newest.Next
			}
			return t.events(cmd.Context(), q, follow, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&follow, "follow", "f", false, "go on as more happens, until Ctrl-C")
	f.StringVar(&q.Task, "task", "", "only of the `TASK` whose id or ARN this is, or whose id begins so")
	f.IntVar(&q.Last, "last", 100, "begin so many changes ago, of whatever task; 0: now")
	f.Uint64Var(&q.After, "after", 0, "begin after the change of that `NUMBER`")
	return cmd
}

func (t *target) events(ctx context.Context, q operator.EventQuery, follow bool, out io.Writer) error {
	for {
		answer, err := t.operator.Events(ctx, q)
		if err != nil {
			if follow && ctx.Err() != nil {
				return nil // it is how following ends
			}
			return err
		}
		for _, e := range answer.Events {
			if err := t.printEvent(out, e); err != nil {
				return err
			}
		}
		q.After, q.Last = answer.Next, 0
		if !answer.More && !follow {
			return nil
		}
		if follow {
			q.Wait = 20 * time.Second
		}
	}
}

// printEvent prints an event: as it is, or as a line for people.
func (t *target) printEvent(out io.Writer, e operator.NumberedEvent) error {
	if t.flags.output == "json" {
		if err := json.MarshalWrite(out, e); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out)
		return err
	}
	var event struct {
		Resources []string `json:"resources"`
		Detail    struct {
			UpdatedAt      time.Time `json:"updatedAt"`
			TaskDefinition string    `json:"taskDefinitionArn"`
			LastStatus     string    `json:"lastStatus"`
			StoppedReason  string    `json:"stoppedReason"`
			Status         string    `json:"status"` // of a container instance
			Connected      bool      `json:"agentConnected"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(e.Event, &event); err != nil {
		return fmt.Errorf("event %d: %w", e.Number, err)
	}
	d, what, id := event.Detail, "task", ""
	if len(event.Resources) > 0 {
		id = shortID(event.Resources[0])
	}
	text := progress.Plain(d.StoppedReason)
	if d.LastStatus == "" {
		what, text = "instance", "agent not connected"
		if d.Connected {
			text = "agent connected"
		}
	}
	_, err := fmt.Fprintf(out, "%s  %-8s  %s  %-14s  %-20s  %s\n", d.UpdatedAt.Local().Format("15:04:05.000"), what, id,
		cmp.Or(d.LastStatus, d.Status), cmp.Or(afterSlash(d.TaskDefinition), "-"), text)
	return err
}
