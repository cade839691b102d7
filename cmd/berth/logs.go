package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/wire/client"
)

func logsCommand(flags *globals) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs TASK|FAMILY|CONTAINER",
		Short: "Print what containers wrote",
		Long: "Logs prints what the containers of a task, of a family's tasks or of that name wrote to their awslogs streams, in order.\n" +
			"As JSON each line is an object of its own.",
		Example: "  berth logs 3f2a\n  berth logs -f hello-web",
		Args:    exactly("TASK, FAMILY or CONTAINER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			return t.logs(cmd.Context(), args[0], follow, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as they write more, until Ctrl-C or the end of the one task")
	return cmd
}

// stream is one container's log stream.
type stream struct {
	group, name     string
	task, container string
	newest          int64           // unix milliseconds, of the events read so far
	seen            map[string]bool // ids of the events read at that millisecond
}

// followEvery is how often new events are asked for.
const followEvery = 250 * time.Millisecond

func (t *target) logs(ctx context.Context, word string, follow bool, out io.Writer) error {
	streams := map[string]*stream{}
	for first := true; ; first = false {
		found, going, err := t.streams(ctx, word)
		if err != nil && first {
			return err
		}
		for key, s := range found { // those of tasks that came since, too
			if streams[key] == nil {
				streams[key] = s
			}
		}
		if err == nil {
			err = t.printEvents(ctx, streams, out)
		}
		switch {
		case ctx.Err() != nil && follow:
			return nil // it is how following ends
		case err != nil:
			return err
		case !follow || !going:
			return nil
		}
		_ = pause(ctx, followEvery) // its end is seen above
	}
}

// streams finds the log streams of what word names, and whether more is to come: not from one task that has stopped.
func (t *target) streams(ctx context.Context, word string) (streams map[string]*stream, going bool, err error) {
	tasks, err := t.tasks(ctx, ecs.DesiredStatusRunning, ecs.DesiredStatusStopped)
	if err != nil {
		return nil, false, err
	}
	named, err := find(tasks, word, containersToo)
	if err != nil {
		return nil, false, err
	}
	streams = map[string]*stream{}
	definitions := definitions{}
	for _, task := range named {
		definition, err := definitions.of(ctx, t, &task)
		if err != nil {
			return nil, false, err
		}
		for _, c := range definition.ContainerDefinitions {
			if s := streamOf(&task, &c); s != nil && (c.Name == word || !byContainer(&task, word)) {
				streams[s.group+" "+s.name] = s
			}
		}
	}
	if len(streams) == 0 {
		return nil, false, fmt.Errorf("%s has no container that logs by the awslogs driver", word)
	}
	one := len(named) == 1 && strings.HasPrefix(afterSlash(named[0].TaskArn), afterSlash(word))
	return streams, !one || named[0].LastStatus != "STOPPED", nil
}

// byContainer is whether word, which find took the task for, names one of its containers alone.
func byContainer(task *ecs.Task, word string) bool {
	family, _, _ := strings.Cut(afterSlash(task.TaskDefinitionArn), ":")
	return hasContainer(task, word) && word != family && !strings.HasPrefix(afterSlash(task.TaskArn), word)
}

// streamOf returns the container's stream, nil when it does not log by awslogs.
func streamOf(task *ecs.Task, c *ecs.ContainerDefinition) *stream {
	if c.LogConfiguration == nil || c.LogConfiguration.LogDriver != ecs.LogDriverAwslogs {
		return nil
	}
	options := c.LogConfiguration.Options
	s := &stream{group: options["awslogs-group"], task: shortID(task.TaskArn), container: c.Name, seen: map[string]bool{}}
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

// event is one line to print.
type event struct {
	Time      time.Time `json:"time"`
	Task      string    `json:"task"`
	Container string    `json:"container"`
	Message   string    `json:"message"`
}

// printEvents prints what is new in the streams, by time.
func (t *target) printEvents(ctx context.Context, streams map[string]*stream, out io.Writer) error {
	var events []event
	for _, key := range slices.Sorted(maps.Keys(streams)) {
		news, err := t.news(ctx, streams[key])
		if err != nil {
			return err
		}
		events = append(events, news...)
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.Time.Compare(b.Time) })
	for _, e := range events {
		var err error
		switch {
		case t.flags.output == "json": // one object a line
			err = json.MarshalWrite(out, e)
			e.Message = ""
		case len(streams) > 1:
			_, err = fmt.Fprintf(out, "%s %s | ", e.Task, e.Container)
		}
		if err == nil {
			_, err = fmt.Fprintln(out, e.Message)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// news reads the stream's events that were not read yet. None while the stream is not made.
func (t *target) news(ctx context.Context, s *stream) ([]event, error) {
	var events []event
	in := logs.FilterLogEventsRequest{LogGroupName: s.group, LogStreamNames: []string{s.name}, StartTime: new(s.newest)}
	for {
		page, err := client.Call(ctx, t.client, logs.FilterLogEvents, &in)
		if isNotFound(err) {
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		for _, e := range page.Events {
			if s.seen[e.EventId] {
				continue
			}
			at := s.newest
			if e.Timestamp != nil {
				at = *e.Timestamp
			}
			if at > s.newest {
				s.newest, s.seen = at, map[string]bool{}
			}
			s.seen[e.EventId] = true
			events = append(events, event{time.UnixMilli(at).UTC(), s.task, s.container, e.Message})
		}
		if page.NextToken == "" {
			return events, nil
		}
		in.NextToken = page.NextToken
	}
}
