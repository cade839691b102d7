package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/wire/client"
)

func logsCommand(flags *globals) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:     "logs TASK|FAMILY|CONTAINER",
		Short:   "Print what containers wrote",
		Long:    "Logs prints what the containers of a task, of a family's tasks or of that name wrote to their awslogs streams, in order.",
		Example: "  berth logs 3f2a\n  berth logs -f hello-web",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			return t.logs(cmd.Context(), args[0], follow, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as they write more, until Ctrl-C")
	return cmd
}

// stream is one container's log stream.
type stream struct {
	group, name, label string
	seen               map[string]bool // events printed at the newest millisecond
	newest             int64
}

// followEvery is how often new events are asked for.
const followEvery = 250 * time.Millisecond

func (t *target) logs(ctx context.Context, word string, follow bool, out io.Writer) error {
	for first, streams := true, map[string]*stream(nil); ; first = false {
		if first || follow {
			found, err := t.streams(ctx, word)
			if err != nil && first {
				return err
			}
			if streams == nil {
				streams = found
			}
			for key, s := range found { // tasks that came since
				if streams[key] == nil {
					streams[key] = s
				}
			}
		}
		if err := t.printEvents(ctx, streams, out); err != nil {
			return err
		}
		if !follow {
			return nil
		}
		if err := pause(ctx, followEvery); err != nil {
			return nil // Ctrl-C ends it well
		}
	}
}

// streams finds the log streams of what word names.
func (t *target) streams(ctx context.Context, word string) (map[string]*stream, error) {
	tasks, err := t.tasks(ctx, ecs.DesiredStatusRunning, ecs.DesiredStatusStopped)
	if err != nil {
		return nil, err
	}
	named, err := find(tasks, word)
	if err != nil {
		return nil, err
	}
	streams := map[string]*stream{}
	definitions := map[string]*ecs.TaskDefinition{}
	for _, task := range named {
		definition := definitions[task.TaskDefinitionArn]
		if definition == nil {
			answer, err := client.Call(ctx, t.client, ecs.DescribeTaskDefinition, &ecs.DescribeTaskDefinitionRequest{TaskDefinition: task.TaskDefinitionArn})
			if err != nil {
				return nil, err
			}
			definition = answer.TaskDefinition
			definitions[task.TaskDefinitionArn] = definition
		}
		for _, c := range definition.ContainerDefinitions {
			if s := streamOf(&task, &c); s != nil && (c.Name == word || !onlyContainer(named, word)) {
				streams[s.group+" "+s.name] = s
			}
		}
	}
	if len(streams) == 0 {
		return nil, fmt.Errorf("%s has no container that logs by the awslogs driver", word)
	}
	return streams, nil
}

// onlyContainer is whether word names containers, and neither a task nor a family.
func onlyContainer(tasks []ecs.Task, word string) bool {
	return slices.ContainsFunc(tasks, func(task ecs.Task) bool {
		return slices.ContainsFunc(task.Containers, func(c ecs.Container) bool { return c.Name == word })
	})
}

// streamOf returns the container's stream, nil when it does not log by awslogs.
func streamOf(task *ecs.Task, c *ecs.ContainerDefinition) *stream {
	if c.LogConfiguration == nil || c.LogConfiguration.LogDriver != ecs.LogDriverAwslogs {
		return nil
	}
	options := c.LogConfiguration.Options
	s := &stream{group: options["awslogs-group"], label: shortID(task.TaskArn) + " " + c.Name, seen: map[string]bool{}}
	if prefix := options["awslogs-stream-prefix"]; prefix != "" {
		s.name = prefix + "/" + c.Name + "/" + afterSlash(task.TaskArn)
		return s
	}
	for _, running := range task.Containers {
		if running.Name == c.Name {
			s.name = running.RuntimeId
		}
	}
	return s
}

// line is one event to print.
type line struct {
	at          int64 // unix milliseconds
	label, text string
}

// printEvents prints what is new in the streams, by time.
func (t *target) printEvents(ctx context.Context, streams map[string]*stream, out io.Writer) error {
	var lines []line
	for _, s := range streams {
		in := logs.FilterLogEventsRequest{LogGroupName: s.group, LogStreamNames: []string{s.name}, StartTime: new(s.newest)}
		for {
			page, err := client.Call(ctx, t.client, logs.FilterLogEvents, &in)
			if isNotFound(err) {
				break // not made yet
			}
			if err != nil {
				return err
			}
			for _, e := range page.Events {
				if s.seen[e.EventId] {
					continue
				}
				at := cmp.Or(valueOf(e.Timestamp), s.newest)
				if at > s.newest {
					s.newest, s.seen = at, map[string]bool{}
				}
				s.seen[e.EventId] = true
				lines = append(lines, line{at, s.label, e.Message})
			}
			if page.NextToken == "" {
				break
			}
			in.NextToken = page.NextToken
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	for _, l := range lines {
		if t.flags.output == "json" {
			if err := writeJSON(out, map[string]any{"timestamp": l.at, "container": l.label, "message": l.text}); err != nil {
				return err
			}
			continue
		}
		if len(streams) > 1 {
			fmt.Fprintf(out, "%s | ", l.label)
		}
		if _, err := fmt.Fprintln(out, l.text); err != nil {
			return err
		}
	}
	return nil
}

func valueOf[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
