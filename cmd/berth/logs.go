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

	"github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/wire/client"
)

func logsCommand(flags *globals) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs TASK|FAMILY|CONTAINER",
		Short: "Print what containers wrote",
		Long: "Logs prints what the containers of a task, of a family's tasks or of that name wrote to their awslogs streams, or into files, in order.\n" +
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

// logs prints what is logged, and goes on with it.
func (t *target) logs(ctx context.Context, word string, follow bool, out io.Writer) error {
	l, err := t.tail(ctx, word, follow)
	if err != nil {
		return err
	}
	for {
		err := t.printEvents(ctx, l, out)
		if err == nil {
			l.drop()
		}
		if err == nil && follow && !l.over() && pause(ctx, followEvery) == nil {
			err = l.look(ctx)
		}
		switch {
		case ctx.Err() != nil && follow:
			return nil // it is how following ends
		case err != nil || !follow || l.over():
			return err
		}
	}
}

// event is one line to print.
type event struct {
	Time      time.Time `json:"time"`
	Task      string    `json:"task"`
	Container string    `json:"container"`
	Message   string    `json:"message"`
}

// printEvents prints what is new in the streams, by time.
func (t *target) printEvents(ctx context.Context, l *tail, out io.Writer) error {
	var events []event
	for _, key := range slices.Sorted(maps.Keys(l.streams)) {
		news, err := t.news(ctx, l.streams[key])
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
		case len(l.streams)+len(l.dropped) > 1:
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
	if s.file != "" {
		return t.newLines(ctx, s)
	}
	var events []event
	if s.name == "" {
		return nil, nil
	}
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
			events = append(events, event{time.UnixMilli(at).UTC(), s.task, s.container, strings.TrimSuffix(e.Message, "\n")})
		}
		if page.NextToken == "" {
			return events, nil
		}
		in.NextToken = page.NextToken
	}
}
