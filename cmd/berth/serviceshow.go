package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/elbv2"
	"github.com/berth-dev/berth/internal/progress"
	"github.com/berth-dev/berth/internal/wire/client"
)

func serviceShowCommand(flags *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "show SERVICE",
		Short: "Show a service: its deployments, targets, tasks and newest events",
		Long: "Show tells what a service is now: its deployments, the health of its tasks behind load balancers, its tasks and its newest\n" +
			"events. `berth why` explains what is wrong with it.",
		Example: "  berth service show web\n  berth service show web --output json",
		Args:    exactly("SERVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := flags.connect()
			if err != nil {
				return err
			}
			shown, err := t.shownService(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if flags.output == "json" {
				return writeJSON(cmd.OutOrStdout(), shown)
			}
			return shown.print(cmd.OutOrStdout())
		},
	}
}

// shownService is a service as `berth service show` shows it.
type shownService struct {
	serviceView
	Cluster     string             `json:"cluster"`
	Launch      string             `json:"launch"` // launch type, or capacity providers
	Scheduling  string             `json:"schedulingStrategy"`
	Controller  string             `json:"deploymentController"`
	Strategy    string             `json:"deploymentStrategy,omitzero"`
	Deployments []shownDeployment  `json:"deployments"`
	Targets     []shownTarget      `json:"targets"`
	Tasks       []view             `json:"tasks"`
	Events      []ecs.ServiceEvent `json:"events"` // the newest, oldest first
}

// shownDeployment is a deployment, or a task set of a service that others deploy.
type shownDeployment struct {
	ID         string    `json:"id"`
	Status     string    `json:"status"`
	Rollout    string    `json:"rolloutState,omitzero"`
	Reason     string    `json:"rolloutStateReason,omitzero"`
	Running    int32     `json:"runningCount"`
	Pending    int32     `json:"pendingCount"`
	Desired    int32     `json:"desiredCount"`
	Failed     int32     `json:"failedTasks"`
	Definition string    `json:"taskDefinition"`
	Created    time.Time `json:"createdAt"`
}

// shownTarget is a task behind a load balancer, as the load balancer sees it.
type shownTarget struct {
	Group  string `json:"targetGroup"` // name
	Target string `json:"target"`      // address or instance, and port
	State  string `json:"state"`
	Reason string `json:"reason,omitzero"`
	Text   string `json:"description,omitzero"`
}

// eventsShown is how many events are shown.
const eventsShown = 5

func (t *target) shownService(ctx context.Context, name string) (*shownService, error) {
	s, err := t.service(ctx, name)
	if err != nil {
		return nil, err
	}
	shown := &shownService{serviceView: viewOfService(s), Cluster: afterSlash(s.ClusterArn), Launch: launchText(s), Scheduling: string(s.SchedulingStrategy),
		Controller: string(ecs.DeploymentControllerTypeEcs), Deployments: []shownDeployment{}, Targets: []shownTarget{}, Events: newNews(s, eventsShown).of(s)}
	if s.DeploymentController != nil {
		shown.Controller = string(s.DeploymentController.Type)
	}
	if c := s.DeploymentConfiguration; c != nil {
		shown.Strategy = string(c.Strategy)
	}
	for _, d := range s.Deployments {
		shown.Deployments = append(shown.Deployments, shownDeployment{d.Id, d.Status, string(d.RolloutState), d.RolloutStateReason, d.RunningCount, d.PendingCount,
			d.DesiredCount, d.FailedTasks, afterSlash(d.TaskDefinition), d.CreatedAt.Time})
	}
	for _, set := range s.TaskSets {
		shown.Deployments = append(shown.Deployments, shownDeployment{ID: set.Id, Status: set.Status, Rollout: string(set.StabilityStatus), Running: set.RunningCount,
			Pending: set.PendingCount, Desired: set.ComputedDesiredCount, Definition: afterSlash(set.TaskDefinition), Created: set.CreatedAt.Time})
	}
	if shown.Targets, err = t.targets(ctx, s); err != nil {
		return nil, err
	}
	tasks, err := t.tasksOf(ctx, s.ServiceName, ecs.DesiredStatusRunning)
	if err != nil {
		return nil, err
	}
	shown.Tasks, err = t.views(ctx, tasks)
	return shown, err
}

// launchText is how a service's tasks are run.
func launchText(s *ecs.Service) string {
	var providers []string
	for _, p := range s.CapacityProviderStrategy {
		providers = append(providers, p.CapacityProvider)
	}
	return cmp.Or(strings.Join(providers, ", "), string(s.LaunchType))
}

// targets asks for the health of a service's tasks in its target groups.
func (t *target) targets(ctx context.Context, s *ecs.Service) ([]shownTarget, error) {
	targets := []shownTarget{}
	for _, group := range groupsOf(s) {
		answer, err := client.Call(ctx, t.client, elbv2.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: group})
		if hasCode(err, elbv2.TargetGroupNotFoundException) {
			targets = append(targets, shownTarget{Group: groupName(group), Text: "the target group was deleted"})
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, d := range answer.TargetHealthDescriptions {
			if d.Target == nil || d.TargetHealth == nil {
				continue
			}
			at := d.Target.Id
			if d.Target.Port != nil {
				at = fmt.Sprintf("%s:%d", at, *d.Target.Port)
			}
			targets = append(targets, shownTarget{groupName(group), at, string(d.TargetHealth.State), string(d.TargetHealth.Reason), d.TargetHealth.Description})
		}
	}
	return targets, nil
}

// groupsOf are the ARNs of a service's target groups, with those between which blue/green deployments shift traffic.
func groupsOf(s *ecs.Service) (groups []string) {
	for _, b := range s.LoadBalancers {
		groups = append(groups, b.TargetGroupArn)
		if a := b.AdvancedConfiguration; a != nil && a.AlternateTargetGroupArn != "" {
			groups = append(groups, a.AlternateTargetGroupArn)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// groupName is the name in a target group's ARN: arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID.
func groupName(arn string) string {
	if parts := strings.Split(arn, "/"); len(parts) == 3 {
		return parts[1]
	}
	return arn
}

// print shows the service to people.
func (s *shownService) print(w io.Writer) error {
	fmt.Fprintf(w, "%s  %s  %s tasks of %s\n", s.Service, s.Status, s.tasksText(), s.Definition)
	fmt.Fprintf(w, "cluster %s, %s, %s, deployed by %s %s\n", s.Cluster, s.Scheduling, s.Launch, s.Controller, s.Strategy)
	if s.Reason != "" {
		fmt.Fprintln(w, progress.Plain(s.Reason))
	}
	deployments := table{header: []string{"DEPLOYMENT", "STATUS", "ROLLOUT", "TASKS", "FAILED", "DEFINITION", "AGE"}}
	for _, d := range s.Deployments {
		of := serviceView{Running: d.Running, Pending: d.Pending, Desired: d.Desired}
		deployments.rows = append(deployments.rows, []string{d.ID, d.Status, cmp.Or(d.Rollout, "-"), of.tasksText(), fmt.Sprint(d.Failed), d.Definition, ageText(d.Created, time.Now())})
	}
	targets := table{header: []string{"TARGET GROUP", "TARGET", "HEALTH", "WHY"}}
	for _, h := range s.Targets {
		targets.rows = append(targets.rows, []string{h.Group, h.Target, h.State, progress.Plain(strings.TrimSpace(h.Reason + " " + h.Text))})
	}
	for _, part := range []table{deployments, targets, viewTable(s.Tasks)} {
		if len(part.rows) == 0 {
			continue
		}
		fmt.Fprintln(w)
		if err := part.print(w); err != nil {
			return err
		}
	}
	for i, e := range s.Events {
		if i == 0 {
			fmt.Fprintln(w, "\nEvents:")
		}
		fmt.Fprintf(w, "  %s  %s\n", e.CreatedAt.Local().Format("15:04:05"), eventText(e))
	}
	return nil
}
