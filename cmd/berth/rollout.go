package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/progress"
	"github.com/berth-dev/berth/internal/wire/client"
)

// rollout is a deployment of a service that somebody waits for.
type rollout struct {
	t          *target
	service    *ecs.Service
	deployment string // ARN
	id         string // by which its tasks were started
	definition string // family:revision
	began      time.Time
	progress   *progress.Writer
	news       news
	stage      ecs.ServiceDeploymentLifecycleStage
	status     ecs.ServiceDeploymentStatus
	hooks      map[string]bool // that it was told wait for somebody
	stopped    map[string]bool // tasks of which it was told that they stopped
	failure    string          // what the last of them stopped of
	reason     string          // the same without the task
	lastEvent  string
	ordered    ecs.ServiceDeploymentStatus // the status that it had first
	unchecked  bool                        // nothing checks the health of its tasks, and they take AWS's time to count as healthy
}

// follow finds the deployment that has just been ordered: that of now, which is the order's answer. before is the service as it was then,
// whose events are old news.
func (t *target) follow(ctx context.Context, before, now *ecs.Service, errOut io.Writer) (*rollout, error) {
	r := &rollout{t: t, service: now, began: time.Now(), progress: progress.To(errOut), stopped: map[string]bool{}, hooks: map[string]bool{}, definition: afterSlash(now.TaskDefinition)}
	if before == nil {
		before = &ecs.Service{}
	}
	r.news = newNews(before, 0)
	if p := primary(now); p != nil {
		r.id = p.Id
	}
	var err error
	if r.deployment, err = t.ordered(ctx, now); err != nil {
		return nil, err
	}
	answer, err := client.Call(ctx, t.client, ecs.DescribeServiceDeployments, &ecs.DescribeServiceDeploymentsRequest{ServiceDeploymentArns: []string{r.deployment}})
	switch {
	case err != nil:
		return nil, err
	case len(answer.ServiceDeployments) == 0:
		return nil, fmt.Errorf("the deployment %s is gone: was Berth reset?", r.deployment)
	}
	r.ordered = answer.ServiceDeployments[0].Status
	if !t.fast && len(now.LoadBalancers) == 0 && now.TaskDefinition != "" {
		answer, err := client.Call(ctx, t.client, ecs.DescribeTaskDefinition, &ecs.DescribeTaskDefinitionRequest{TaskDefinition: now.TaskDefinition})
		if err != nil {
			return nil, err
		}
		r.unchecked = !slices.ContainsFunc(answer.TaskDefinition.ContainerDefinitions, func(c ecs.ContainerDefinition) bool { return c.HealthCheck != nil })
	}
	return r, nil
}

// ordered is the ARN of the deployment that an order's answer tells of: its newest, where that has come to its end already.
func (t *target) ordered(ctx context.Context, now *ecs.Service) (string, error) {
	if now.CurrentServiceDeployment != "" {
		return now.CurrentServiceDeployment, nil
	}
	newest, err := client.Call(ctx, t.client, ecs.ListServiceDeployments, &ecs.ListServiceDeploymentsRequest{Cluster: t.cluster, Service: now.ServiceName, MaxResults: new(int32(1))})
	switch {
	case err != nil:
		return "", err
	case len(newest.ServiceDeployments) == 0:
		return "", fmt.Errorf("service %s has no deployment", now.ServiceName)
	}
	return newest.ServiceDeployments[0].ServiceDeploymentArn, nil
}

// wait waits until the deployment has come to its end, telling each step. The error says why it has failed.
func (r *rollout) wait(ctx context.Context, timeout time.Duration) (*deployed, error) {
	defer r.progress.Done()
	for {
		d, err := r.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil, leftBehind(fmt.Sprintf("the deployment of %s goes on; `%s` shows how far it is, `%s` takes it back",
				r.definition, r.t.flags.line("service", "show", r.service.ServiceName), r.t.flags.line("rollback", r.service.ServiceName)))
		case err != nil:
			return nil, err
		}
		switch d.Status {
		case ecs.ServiceDeploymentStatusSuccessful:
			return r.outcome(d), nil
		case ecs.ServiceDeploymentStatusStopped, ecs.ServiceDeploymentStatusRollbackSuccessful, ecs.ServiceDeploymentStatusRollbackFailed:
			return r.outcome(d), r.failed(d)
		}
		if timeout > 0 && time.Since(r.began) > timeout {
			return r.outcome(d), r.tooSlow(d, timeout)
		}
		_ = pause(ctx, pollEvery(time.Since(r.began))) // its end is seen above
	}
}

// look tells what is new, and returns the deployment.
func (r *rollout) look(ctx context.Context) (*ecs.ServiceDeployment, error) {
	answer, err := client.Call(ctx, r.t.client, ecs.DescribeServiceDeployments, &ecs.DescribeServiceDeploymentsRequest{ServiceDeploymentArns: []string{r.deployment}})
	switch {
	case err != nil:
		return nil, err
	case len(answer.ServiceDeployments) == 0:
		return nil, fmt.Errorf("the deployment %s is gone: was Berth reset?", r.deployment)
	}
	d := &answer.ServiceDeployments[0]
	s, err := r.t.sameService(ctx, r.service) // after the deployment: what is told at its end is there by then
	if err != nil {
		return nil, err
	}
	r.service = s
	for _, e := range r.news.of(s) {
		text := eventText(e)
		if r.step("%s", text); !strings.HasSuffix(text, " a steady state.") && !strings.HasSuffix(text, " deployment completed.") { // a rollback ends so too
			r.lastEvent = text
		}
	}
	if err := r.tellStopped(ctx); err != nil {
		return nil, err
	}
	r.tellStage(d)
	var parts []string
	for _, of := range s.Deployments {
		parts = append(parts, fmt.Sprintf("%s %d/%d running, %d pending", afterSlash(of.TaskDefinition), of.RunningCount, of.DesiredCount, of.PendingCount))
	}
	if slices.ContainsFunc(d.LifecycleHookDetails, awaits) {
		parts = append(parts, fmt.Sprintf("waits at %s to be continued", d.LifecycleStage))
	}
	if own := r.own(); r.unchecked && own != nil && own.DesiredCount > 0 && own.RunningCount >= own.DesiredCount {
		parts = append(parts, "healthy 40 s after they run, as nothing checks them (`berth dev --fast`: 1 s)")
	}
	r.progress.State("%6.2fs  %s", time.Since(r.began).Seconds(), strings.Join(parts, "; "))
	return d, nil
}

func (r *rollout) step(format string, args ...any) {
	r.progress.Step("%6.2fs  "+format, append([]any{time.Since(r.began).Seconds()}, args...)...)
}

// tellStopped tells of tasks of the deployment that stopped, unless the service itself had them stop.
func (r *rollout) tellStopped(ctx context.Context) error {
	d := r.own()
	if d == nil || int(d.FailedTasks) <= len(r.stopped) { // it is asked for only when there is something new
		return nil
	}
	tasks, err := r.t.listed(ctx, ecs.ListTasksRequest{StartedBy: r.id}, ecs.DesiredStatusStopped)
	if err != nil {
		return err
	}
	slices.Reverse(tasks) // oldest first
	for _, task := range tasks {
		if r.stopped[task.TaskArn] || task.LastStatus != "STOPPED" || task.StoppedReason == "" {
			continue
		}
		r.stopped[task.TaskArn] = true
		why := stopText(&task)
		if r.failure = fmt.Sprintf("task %s stopped: %s", shortID(task.TaskArn), why); why != r.reason {
			r.step("%s", r.failure)
		} else {
			r.step("task %s stopped for the same reason", shortID(task.TaskArn))
		}
		r.reason = why
	}
	return nil
}

// own is the deployment as the service lists it; nil when it does no longer.
func (r *rollout) own() *ecs.Deployment {
	for i := range r.service.Deployments {
		if r.service.Deployments[i].Id == r.id {
			return &r.service.Deployments[i]
		}
	}
	return nil
}

// tellStage tells which stage the deployment has come to, and of hooks that wait for somebody.
func (r *rollout) tellStage(d *ecs.ServiceDeployment) {
	usual := []ecs.ServiceDeploymentStatus{ecs.ServiceDeploymentStatusPending, ecs.ServiceDeploymentStatusInProgress, ecs.ServiceDeploymentStatusSuccessful}
	if d.Status != r.status && !slices.Contains(usual, d.Status) {
		r.step("%s", strings.TrimSpace(string(d.Status)+" "+progress.Plain(d.StatusReason)))
	}
	r.status = d.Status
	if d.LifecycleStage != r.stage && d.DeploymentConfiguration != nil && d.DeploymentConfiguration.Strategy != ecs.DeploymentStrategyRolling {
		r.step("stage %s", d.LifecycleStage)
	}
	r.stage = d.LifecycleStage
	for _, h := range d.LifecycleHookDetails {
		if awaits(h) && !r.hooks[h.HookId] {
			r.hooks[h.HookId] = true
			r.step("waits for: aws ecs continue-service-deployment --service-deployment-arn %s --hook-id %s --action CONTINUE", r.deployment, h.HookId)
		}
	}
}

// awaits tells whether a hook waits for somebody.
func awaits(h ecs.DeploymentLifecycleHookDetail) bool {
	return h.Status == ecs.DeploymentLifecycleHookStatusAwaitingAction
}
