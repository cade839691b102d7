package why

import (
	"cmp"
	"fmt"
	"strings"

	api "github.com/berth-dev/berth/api/ecs"
)

// tasksText is how many tasks run of how many.
func tasksText(running, desired int32) string {
	if desired == 1 {
		return fmt.Sprintf("%d of 1 task", running)
	}
	return fmt.Sprintf("%d of %d tasks", running, desired)
}

// judgement is what is said of a service. byEvidence: the failed task, or the launch, is the cause, and says what to do.
type judgement struct {
	verdict, cause string
	next           []string
	byEvidence     bool
}

// judge says how the service is.
func judge(c *ServiceCase) judgement {
	s := &c.Service
	name := "Service " + s.ServiceName
	switch s.Status {
	case "INACTIVE":
		return judgement{verdict: name + " was deleted."}
	case "DRAINING":
		return judgement{verdict: fmt.Sprintf("%s is being deleted: %d of its tasks have yet to stop.", name, s.RunningCount+s.PendingCount),
			next: []string{"berth ps  # those that are left"}}
	}
	if d := c.Deployment; d != nil {
		switch d.Status {
		case api.ServiceDeploymentStatusSuccessful:
			if c.Newer() {
				return followed(c)
			}
		case api.ServiceDeploymentStatusStopped, api.ServiceDeploymentStatusRollbackSuccessful, api.ServiceDeploymentStatusRollbackFailed:
			return fell(c)
		default:
			return underWay(c, name)
		}
	}
	return settled(c, name)
}

// followed judges a deployment that succeeded before the one that is under way: how the service is now says nothing of it.
func followed(c *ServiceCase) judgement {
	s := &c.Service
	return judgement{verdict: fmt.Sprintf("The deployment of service %s succeeded %s ago; a newer one, of %s, is under way.", s.ServiceName, span(c.Now.Sub(c.Deployment.UpdatedAt.Time)), last(primaryOf(s).TaskDefinition)),
		next: []string{fmt.Sprintf("berth why %s  # how the newer one is", s.ServiceName)}}
}

// fell judges a service whose newest deployment has failed.
func fell(c *ServiceCase) judgement {
	d := c.Deployment
	how := map[api.ServiceDeploymentStatus]string{
		api.ServiceDeploymentStatusStopped:            "was stopped",
		api.ServiceDeploymentStatusRollbackSuccessful: "failed, and was rolled back",
		api.ServiceDeploymentStatusRollbackFailed:     "failed, and so did its rollback",
	}[d.Status]
	reason := d.StatusReason
	if d.Rollback != nil {
		reason = cmp.Or(d.Rollback.Reason, reason)
	}
	j := judgement{verdict: sentence(fmt.Sprintf("The deployment of service %s %s %s ago: %s", c.Service.ServiceName, how, span(c.Now.Sub(d.UpdatedAt.Time)), cmp.Or(reason, "no reason is known"))) + fmt.Sprintf(" It has %s.", tasksText(c.Service.RunningCount, c.Service.DesiredCount)),
		byEvidence: c.Failed != nil || c.Unplaced != nil}
	if !j.byEvidence {
		j.cause = "No task of it is known to have failed."
	}
	j.next = []string{fmt.Sprintf("berth service events %s  # what happened", c.Service.ServiceName)}
	if c.Newer() {
		j.verdict += fmt.Sprintf(" A newer deployment, of %s, is under way.", last(primaryOf(&c.Service).TaskDefinition))
	}
	return j
}

// underWay judges a service that is being deployed.
func underWay(c *ServiceCase, name string) judgement {
	s, d := &c.Service, c.Deployment
	p := primaryOf(s)
	since := span(c.Now.Sub(d.CreatedAt.Time))
	verdict := fmt.Sprintf("The deployment of %s to service %s has gone on for %s: %s run", last(p.TaskDefinition), s.ServiceName, since, tasksText(p.RunningCount, p.DesiredCount))
	if strings.HasPrefix(string(d.Status), "ROLLBACK") {
		verdict = fmt.Sprintf("%s is going back to what was deployed before, for %s: %s run in all", name, since, tasksText(s.RunningCount, s.DesiredCount))
	}
	for _, h := range d.LifecycleHookDetails {
		if h.Status == api.DeploymentLifecycleHookStatusAwaitingAction {
			return judgement{verdict: verdict + fmt.Sprintf(", and it waits at %s for somebody to continue it.", d.LifecycleStage),
				cause: "A lifecycle hook of kind PAUSE asks for an action.",
				next:  []string{fmt.Sprintf("aws ecs continue-service-deployment --service-deployment-arn %s --hook-id %s --action CONTINUE  # or ROLLBACK", d.ServiceDeploymentArn, h.HookId)}}
		}
	}
	back := fmt.Sprintf("berth rollback %s  # takes it back", s.ServiceName)
	switch {
	case p.FailedTasks > 0:
		verdict += fmt.Sprintf(", %d failed.", p.FailedTasks)
		if b := d.DeploymentCircuitBreaker; b != nil && b.Threshold > 0 {
			verdict += fmt.Sprintf(" The circuit breaker gives up at %d failures.", b.Threshold)
		}
		return judgement{verdict: verdict, byEvidence: c.Failed != nil, next: []string{back}}
	case c.Unplaced != nil:
		return judgement{verdict: verdict + ", and no machine has room for more.", byEvidence: true, next: []string{back}}
	}
	if j, ok := unhealthyTargets(c); ok {
		j.verdict = verdict + ", and " + j.verdict
		j.next = append(j.next, back)
		return j
	}
	return judgement{verdict: verdict + "; nothing is known to be wrong.", cause: waits(c), next: []string{fmt.Sprintf("berth service events %s --follow", s.ServiceName)}}
}

// waits is what a deployment waits for whose tasks run.
func waits(c *ServiceCase) string {
	s := &c.Service
	p := primaryOf(s)
	switch {
	case p.PendingCount > 0:
		return "Tasks of it are being started."
	case p.RunningCount < p.DesiredCount:
		return "It starts as many tasks as minimumHealthyPercent and maximumPercent allow, and goes on when they are healthy."
	case len(s.Deployments) > 1:
		return "The tasks of the revision before are being stopped."
	case c.Deployment.LifecycleStage == api.ServiceDeploymentLifecycleStageBakeTime:
		return "It is in its bake time."
	}
	return "Its tasks have to be healthy for a while: 40 seconds where nothing checks them (1 with `berth dev --fast`)."
}

// settled judges a service that nobody deploys.
func settled(c *ServiceCase, name string) judgement {
	s := &c.Service
	verdict := fmt.Sprintf("%s has %s", name, tasksText(s.RunningCount, s.DesiredCount))
	if j, ok := unhealthyTargets(c); ok {
		j.verdict = verdict + ", and " + j.verdict
		return j
	}
	switch {
	case s.RunningCount == s.DesiredCount && s.PendingCount == 0:
		return judgement{verdict: verdict + "; nothing is wrong with it."}
	case s.RunningCount > s.DesiredCount:
		return judgement{verdict: verdict + ": those that are too many are being stopped."}
	case c.Unplaced != nil:
		return judgement{verdict: verdict + ", and no machine has room for more.", byEvidence: true}
	case c.Failed != nil:
		return judgement{verdict: verdict + ", and the last one that failed is being replaced, after a while when tasks keep failing.", byEvidence: true}
	}
	return judgement{verdict: verdict + ": more are being started.", next: []string{fmt.Sprintf("berth service events %s --follow", s.ServiceName)}}
}

func primaryOf(s *api.Service) api.Deployment {
	for _, d := range s.Deployments {
		if d.Status == "PRIMARY" {
			return d
		}
	}
	return api.Deployment{TaskDefinition: s.TaskDefinition, DesiredCount: s.DesiredCount, RunningCount: s.RunningCount, PendingCount: s.PendingCount}
}
