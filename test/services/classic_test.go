package services

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/test/berthtest"
)

// TestTheClassicPath has a service of three behind a load balancer, deploys a good revision and a broken one, kills its tasks, and
// deletes it, under load: no request fails.
func TestTheClassicPath(t *testing.T) {
	w := start(t)
	group, lb := w.group("web"), w.balancer("web")
	w.listen(lb, 80, forward(group))
	w.service(ecs.CreateServiceInput{ServiceName: aws.String("web"), TaskDefinition: aws.String(w.define()), DesiredCount: aws.Int32(3),
		LoadBalancers:           []types.LoadBalancer{{TargetGroupArn: &group, ContainerName: aws.String("web"), ContainerPort: aws.Int32(8080)}},
		DeploymentConfiguration: &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}}})
	s := w.stable("web")
	for _, text := range []string{"has started 3 tasks: (task ", "registered 1 targets in (target-group " + group, "deployment completed.", "has reached a steady state."} {
		if !told(s, text) {
			t.Errorf("no event says %q", text)
		}
	}
	url := w.url(lb, 80)
	w.reach(url)
	l := pound(url, 500)
	berthtest.Eventually(t, 20*time.Second, "all three answer", func() bool { return len(l.from()) == 3 })
	first := w.tasks("web")

	w.update("web", w.define()) // the same once more
	if s = w.stable("web"); len(l.from()) < 6 {
		t.Errorf("%s runs, %d tasks have answered", aws.ToString(s.TaskDefinition), len(l.from()))
	}
	for _, task := range w.tasks("web") {
		for _, before := range first {
			if task == before {
				t.Errorf("task %s was not replaced", task)
			}
		}
	}
	good := aws.ToString(s.TaskDefinition)

	w.update("web", w.define("broken"))
	berthtest.Eventually(t, time.Minute, "the circuit breaker rolls back", func() bool { return told(w.describe("web"), "rolling back to deployment ecs-svc/") })
	if s = w.stable("web"); aws.ToString(s.TaskDefinition) != good {
		t.Errorf("after the rollback %s runs, want %s", aws.ToString(s.TaskDefinition), good)
	}
	if !told(s, "deployment failed: tasks failed to start.") {
		t.Errorf("the events are %+v", s.Events)
	}

	for _, task := range w.tasks("web") { // one after the other, and not waited for
		must(w.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Task: aws.String(task)}))(w)
		before := len(l.from())
		berthtest.Eventually(t, 30*time.Second, "another answers in its place", func() bool { return len(l.from()) > before })
	}
	w.stable("web")
	answered, failed := l.end()
	if len(failed) > 0 || answered < 100 {
		t.Errorf("%d requests were answered; failed: %v", answered, failed)
	}
	t.Logf("%d requests were answered by %d tasks", answered, len(l.from()))

	must(w.ecs.DeleteService(t.Context(), &ecs.DeleteServiceInput{Service: aws.String("web"), Force: aws.Bool(true)}))(w)
	berthtest.Eventually(t, time.Minute, "it is gone", func() bool { return aws.ToString(w.describe("web").Status) == "INACTIVE" })
	if left := w.tasks("web"); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

// reach waits until a URL answers: this process looks for new names every few seconds.
func (w *world) reach(url string) {
	w.t.Helper()
	berthtest.Eventually(w.t, 20*time.Second, url+" answers", func() bool { _, err := ask(http.DefaultClient, url); return err == nil })
}

// update has a service run another task definition.
func (w *world) update(name, definition string) {
	w.t.Helper()
	must(w.ecs.UpdateService(w.t.Context(), &ecs.UpdateServiceInput{Service: &name, TaskDefinition: &definition}))(w)
}
