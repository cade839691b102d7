package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/progress"
)

func serviceCommand(flags *globals) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:     "service",
		Short:   "List services, look at them and scale them",
		Long:    "Services keep a number of tasks of a task definition running, and replace them when it changes: `berth deploy` does that.",
		Example: "  berth service ls\n  berth service scale web 5",
	})
	cmd.AddCommand(serviceListCommand(flags), serviceShowCommand(flags), serviceScaleCommand(flags), serviceEventsCommand(flags))
	return cmd
}

// serviceView is a service as `berth service ls` shows it.
type serviceView struct {
	Service    string    `json:"service"`
	ARN        string    `json:"serviceArn"`
	Status     string    `json:"status"`
	Running    int32     `json:"runningCount"`
	Pending    int32     `json:"pendingCount"`
	Desired    int32     `json:"desiredCount"`
	Definition string    `json:"taskDefinition"` // family:revision
	Rollout    string    `json:"rolloutState,omitzero"`
	Reason     string    `json:"rolloutStateReason,omitzero"`
	Created    time.Time `json:"createdAt"`
}

func viewOfService(s *ecs.Service) serviceView {
	v := serviceView{
		Service: s.ServiceName, ARN: s.ServiceArn, Status: s.Status, Running: s.RunningCount, Pending: s.PendingCount, Desired: s.DesiredCount,
		Definition: afterSlash(s.TaskDefinition), Created: s.CreatedAt.Time,
	}
	if d := primary(s); d != nil {
		v.Rollout, v.Reason = string(d.RolloutState), d.RolloutStateReason
	}
	return v
}

// primary is a service's newest deployment; nil when others than ECS deploy it.
func primary(s *ecs.Service) *ecs.Deployment {
	for i := range s.Deployments {
		if s.Deployments[i].Status == "PRIMARY" {
			return &s.Deployments[i]
		}
	}
	return nil
}

// tasksText is how many tasks run of how many that should.
func (v serviceView) tasksText() string {
	text := fmt.Sprintf("%d/%d", v.Running, v.Desired)
	if v.Pending > 0 {
		text += fmt.Sprintf(" (%d pending)", v.Pending)
	}
	return text
}

func serviceListCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List services",
		Example: "  berth service ls\n  berth service ls --cluster main --output json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			services, err := t.services(cmd.Context())
			if err != nil {
				return err
			}
			views := []serviceView{}
			list := table{header: []string{"SERVICE", "STATUS", "TASKS", "DEFINITION", "ROLLOUT", "AGE"}}
			for i := range services {
				v := viewOfService(&services[i])
				views = append(views, v)
				list.rows = append(list.rows, []string{v.Service, v.Status, v.tasksText(), v.Definition, cmp.Or(v.Rollout, "-"), ageText(v.Created, time.Now())})
			}
			return flags.show(cmd.OutOrStdout(), views, list)
		},
	}
}

func serviceEventsCommand(flags *globals) *cobra.Command {
	var follow bool
	last := 20
	cmd := &cobra.Command{
		Use:     "events SERVICE",
		Short:   "Print a service's events, oldest first",
		Long:    "Events prints what the service scheduler told of a service: its newest 20 events, of the 100 that are kept.",
		Example: "  berth service events web --follow\n  berth service events web --last 100 --output json",
		Args:    exactly("SERVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if last < 0 {
				return usagef("--last %d: it is a number of events", last)
			}
			t, err := flags.connect()
			if err != nil {
				return err
			}
			return t.serviceEvents(cmd.Context(), args[0], last, follow, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as more happens, until Ctrl-C or the service's deletion")
	cmd.Flags().IntVar(&last, "last", last, "begin so many events ago")
	return cmd
}

// eventsEvery is how often it is asked for more events.
const eventsEvery = 500 * time.Millisecond

func (t *target) serviceEvents(ctx context.Context, name string, last int, follow bool, out io.Writer) error {
	s, err := t.service(ctx, name)
	if err != nil {
		return err
	}
	for told := newNews(s, last); ; {
		for _, e := range told.of(s) {
			if err := t.printServiceEvent(out, e); err != nil {
				return err
			}
		}
		if !follow || s.Status == "INACTIVE" || pause(ctx, eventsEvery) != nil {
			return nil
		}
		if s, err = t.sameService(ctx, s); err != nil {
			if ctx.Err() != nil {
				return nil // it is how following ends
			}
			return err
		}
	}
}

func (t *target) printServiceEvent(out io.Writer, e ecs.ServiceEvent) error {
	if t.flags.output == "json" {
		return writeJSONLine(out, e)
	}
	_, err := fmt.Fprintf(out, "%s  %s\n", e.CreatedAt.Local().Format("2006-01-02 15:04:05.000"), eventText(e))
	return err
}

// eventText is an event without the name of the service that it begins with.
func eventText(e ecs.ServiceEvent) string {
	if rest, ok := strings.CutPrefix(e.Message, "(service "); ok {
		if _, rest, ok := strings.Cut(rest, ") "); ok {
			return progress.Plain(rest)
		}
	}
	return progress.Plain(e.Message)
}

// news are the events of a service that were not told yet.
type news struct{ told map[string]bool }

// newNews takes all of a service's events for told but the newest so many.
func newNews(s *ecs.Service, last int) news {
	n := news{map[string]bool{}}
	for i, e := range s.Events { // the newest first
		if i >= last {
			n.told[e.Id] = true
		}
	}
	return n
}

// of are the new ones, oldest first.
func (n news) of(s *ecs.Service) (fresh []ecs.ServiceEvent) {
	for i := len(s.Events) - 1; i >= 0; i-- {
		if e := s.Events[i]; !n.told[e.Id] {
			n.told[e.Id] = true
			fresh = append(fresh, e)
		}
	}
	return fresh
}
