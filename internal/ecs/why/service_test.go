package why

import (
	"bytes"
	"strings"
	"testing"
	"time"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
)

// web is a service of three tasks that runs one revision.
func web() api.Service {
	return api.Service{ServiceName: "web", ServiceArn: "arn:aws:ecs:us-east-1:000000000000:service/default/web", ClusterArn: "arn:aws:ecs:us-east-1:000000000000:cluster/default",
		Status: "ACTIVE", DesiredCount: 3, RunningCount: 3, TaskDefinition: "arn:aws:ecs:us-east-1:000000000000:task-definition/web:2", LaunchType: api.LaunchTypeFargate,
		Deployments: []api.Deployment{{Id: "ecs-svc/2", Status: "PRIMARY", TaskDefinition: "arn:aws:ecs:us-east-1:000000000000:task-definition/web:2", DesiredCount: 3, RunningCount: 3, RolloutState: "COMPLETED"}},
		Events:      []api.ServiceEvent{{Message: "(service web) has reached a steady state.", CreatedAt: schema.At(t0)}, {Message: "(service web) has started 3 tasks: (task 1).", CreatedAt: schema.At(t0)}}}
}

// in is a service case in which something is otherwise.
func in(change func(c *ServiceCase)) ServiceCase {
	c := ServiceCase{Now: t0.Add(time.Minute), Service: web(), Deployment: &api.ServiceDeployment{ServiceDeploymentArn: "arn:aws:ecs:us-east-1:000000000000:service-deployment/default/web/abc",
		Status: api.ServiceDeploymentStatusSuccessful, CreatedAt: schema.At(t0), UpdatedAt: schema.At(t0)}}
	change(&c)
	return c
}

// deploying has the case's newest deployment under way, with tasks that run and tasks that failed.
func deploying(c *ServiceCase, running, failed int32) {
	c.Deployment.Status = api.ServiceDeploymentStatusInProgress
	p := &c.Service.Deployments[0]
	p.RolloutState, p.RunningCount, p.FailedTasks = "IN_PROGRESS", running, failed
	c.Service.RunningCount = running
}

func crashed() *Explanation {
	e := Explain(Case{Now: t0, Scope: scope, Task: task(3, 0)})
	return &e
}

func TestServices(t *testing.T) {
	for _, c := range []struct {
		name          string
		c             ServiceCase
		verdict, next string
		cause         string // is in it
	}{
		{"steady", in(func(*ServiceCase) {}), "Service web has 3 of 3 tasks; nothing is wrong with it.", "", ""},
		{"never deployed", in(func(c *ServiceCase) { c.Deployment = nil }), "Service web has 3 of 3 tasks; nothing is wrong with it.", "", ""},
		{"being deleted", in(func(c *ServiceCase) { c.Service.Status = "DRAINING" }), "Service web is being deleted: 3 of its tasks have yet to stop.", "berth ps", ""},
		{"deleted", in(func(c *ServiceCase) { c.Service.Status = "INACTIVE" }), "Service web was deleted.", "", ""},
		{"being deployed", in(func(c *ServiceCase) { deploying(c, 1, 0) }),
			"The deployment of web:2 to service web has gone on for 1m0s: 1 of 3 tasks run; nothing is known to be wrong.", "berth service events web --follow", "minimumHealthyPercent"},
		{"being deployed, and tasks fail", in(func(c *ServiceCase) { deploying(c, 0, 4); c.Failed = crashed() }),
			"The deployment of web:2 to service web has gone on for 1m0s: 0 of 3 tasks run, 4 failed.", "berth run web:3", "Task 0123456789ab (web:3) ran for 5.2s: essential container main exited with code 3"},
		{"the circuit breaker counts", in(func(c *ServiceCase) {
			deploying(c, 0, 1)
			c.Deployment.DeploymentCircuitBreaker = &api.ServiceDeploymentCircuitBreaker{Status: api.ServiceDeploymentRollbackMonitorsStatusMonitoring, FailureCount: 1, Threshold: 3}
		}), "The deployment of web:2 to service web has gone on for 1m0s: 0 of 3 tasks run, 1 failed. The circuit breaker gives up at 3 failures.", "berth rollback web", ""},
		{"no room", in(func(c *ServiceCase) {
			deploying(c, 2, 0)
			c.Unplaced = &Explanation{Verdict: "No machine has room.", Cause: "What runs leaves less memory.", Next: []string{"berth ps"}}
		}), "The deployment of web:2 to service web has gone on for 1m0s: 2 of 3 tasks run, and no machine has room for more.", "berth ps", "What runs leaves less memory."},
		{"a hook waits", in(func(c *ServiceCase) {
			deploying(c, 3, 0)
			c.Deployment.LifecycleStage = api.ServiceDeploymentLifecycleStagePostTestTrafficShift
			c.Deployment.LifecycleHookDetails = []api.DeploymentLifecycleHookDetail{{HookId: "h1", Status: api.DeploymentLifecycleHookStatusAwaitingAction}}
		}), "The deployment of web:2 to service web has gone on for 1m0s: 3 of 3 tasks run, and it waits at POST_TEST_TRAFFIC_SHIFT for somebody to continue it.", "aws ecs continue-service-deployment --service-deployment-arn arn:aws:ecs:us-east-1:000000000000:service-deployment/default/web/abc --hook-id h1 --action CONTINUE", "PAUSE"},
		{"unhealthy targets", in(func(c *ServiceCase) {
			c.Targets = []Target{{"web", "10.0.0.4:80", "healthy", "", ""}, {"web", "10.0.0.5:80", "unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [502]"}}
		}), "Service web has 3 of 3 tasks, and 1 of its 2 targets are unhealthy: 10.0.0.5:80 in web: Health checks failed with these codes: [502].", "aws elbv2 describe-target-groups --names web", "a status that its matcher does not take"},
		{"rolled back", in(func(c *ServiceCase) {
			c.Deployment.Status = api.ServiceDeploymentStatusRollbackSuccessful
			c.Deployment.Rollback = &api.Rollback{Reason: "Service deployment rolled back because the circuit breaker threshold was exceeded."}
			c.Failed = crashed()
		}), "The deployment of service web failed, and was rolled back 1m0s ago: Service deployment rolled back because the circuit breaker threshold was exceeded. It has 3 of 3 tasks.", "berth run web:3", "exited with code 3"},
		{"a deployment before the one under way", in(func(c *ServiceCase) {
			deploying(c, 1, 4)
			c.Deployment.Status, c.Service.CurrentServiceDeployment = api.ServiceDeploymentStatusSuccessful, "arn:aws:ecs:us-east-1:000000000000:service-deployment/default/web/def"
		}), "The deployment of service web succeeded 1m0s ago; a newer one, of web:2, is under way.", "berth why web", ""},
		{"a deployment that the one under way stopped", in(func(c *ServiceCase) {
			deploying(c, 1, 0)
			c.Deployment.Status, c.Deployment.StatusReason = api.ServiceDeploymentStatusStopped, "The service deployment was stopped because of def."
			c.Service.CurrentServiceDeployment = "arn:aws:ecs:us-east-1:000000000000:service-deployment/default/web/def"
		}), "The deployment of service web was stopped 1m0s ago: The service deployment was stopped because of def. It has 1 of 3 tasks. A newer deployment, of web:2, is under way.", "berth service events web", ""},
		{"one task is missing", in(func(c *ServiceCase) { c.Service.RunningCount = 2 }), "Service web has 2 of 3 tasks: more are being started.", "berth service events web --follow", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := ExplainService(c.c)
			if e.Verdict != c.verdict || !strings.Contains(e.Cause, c.cause) || c.next != "" && !strings.HasPrefix(strings.Join(e.Next, "\n"), c.next) {
				t.Errorf("%s\n%s\n%q", e.Verdict, e.Cause, e.Next)
			}
			if e.Service == nil || len(e.Service.Events) != 2 || e.Service.Events[1].Text != "has reached a steady state." {
				t.Errorf("the evidence is %+v", e.Service)
			}
			var out bytes.Buffer
			if err := e.Print(&out, time.UTC); err != nil || !strings.HasPrefix(out.String(), c.verdict+"\n") || !strings.Contains(out.String(), "ecs-svc/2  web:2") {
				t.Errorf("printed as %v\n%s", err, out.String())
			}
		})
	}
}
