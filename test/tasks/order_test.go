package tasks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func waitsFor(c types.ContainerDefinition, on ...string) types.ContainerDefinition {
	for i := 0; i+1 < len(on); i += 2 {
		c.DependsOn = append(c.DependsOn, types.ContainerDependency{ContainerName: aws.String(on[i]), Condition: types.ContainerCondition(on[i+1])})
	}
	return c
}

func beside(c types.ContainerDefinition) types.ContainerDefinition {
	c.Essential = aws.Bool(false)
	return c
}

func checked(c types.ContainerDefinition, command ...string) types.ContainerDefinition {
	c.HealthCheck = &types.HealthCheck{Command: command, Interval: aws.Int32(5), Timeout: aws.Int32(2), Retries: aws.Int32(1)}
	return c
}

// TestContainersThatWaitForEachOther runs tasks whose containers depend on each other, and on each other's health.
func TestContainersThatWaitForEachOther(t *testing.T) {
	w := start(t)

	t.Run("a web container behind a healthy sidecar and a first one that succeeds", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		side := logged(checked(container("side", "serve", "8081"), "CMD", "/main", "fetch", "http://127.0.0.1:8081/name"))
		first := beside(waitsFor(container("first", "fetch", "http://127.0.0.1:8081/name"), "side", "START"))
		web := logged(waitsFor(container("web", "serve", "8080"), "side", "HEALTHY", "first", "SUCCESS"))
		task := w.one(fargate(web, side, first), "RUNNING")
		w.exited(task, "first", 0)
		for end := time.Now().Add(10 * time.Second); task.HealthStatus != types.HealthStatusHealthy; task = w.describe(task) {
			if time.Now().After(end) {
				t.Fatalf("it is %s, its containers %+v", task.HealthStatus, task.Containers)
			}
		}
		if got := w.byName(task, "web").HealthStatus; got != types.HealthStatusUnknown || w.byName(task, "side").HealthStatus != types.HealthStatusHealthy {
			t.Errorf("the health of web is %s, of side %s", got, w.byName(task, "side").HealthStatus)
		}
		for _, name := range []string{"web", "side"} { // before that nothing of them hears a signal
			w.output(task, name).until("it listens", func(messages []string) bool { return len(messages) > 0 })
		}
		task = w.stop(task)
		w.exited(task, "web", 0)
		w.exited(task, "side", 0)
	})

	t.Run("one that fails its health check goes on, and why tells what it said", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		task := w.one(onEC2(types.NetworkModeHost, checked(container("main", "run", "0"), "CMD", "/main", "read", "/nowhere")), "RUNNING")
		for end := time.Now().Add(30 * time.Second); task.HealthStatus != types.HealthStatusUnhealthy; task = w.describe(task) {
			if time.Now().After(end) {
				t.Fatalf("it is %s", task.HealthStatus)
			}
		}
		if got := aws.ToString(task.LastStatus); got != "RUNNING" {
			t.Errorf("it is %s", got)
		}
		w.says(w.Run("why", id(task)), "main fails its health check", "health: UNHEALTHY", "/nowhere")
		w.stop(task)
	})

	t.Run("one that waits in vain", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		task := w.one(onEC2(types.NetworkModeHost, waitsFor(container("main", "run", "0"), "first", "SUCCESS"), beside(container("first", "exit", "7"))), "STOPPED")
		reason := fmt.Sprintf("CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [first(%[1]s) (STOPPED->RUNNING) - Exit: 7] for target [main(%[1]s) (CREATED->RUNNING)] as dependency did not exit successfully.", probe)
		w.ended(task, types.TaskStopCodeTaskFailedToStart, reason)
		if got := aws.ToString(w.byName(task, "main").Reason); got != reason {
			t.Errorf("its container ended because %q", got)
		}
		w.exited(task, "first", 7)
		w.says(w.Run("why", id(task)), "waits for the success of first")
	})
}

// says checks that a text has all of these in it.
func (w *world) says(text string, wanted ...string) {
	w.t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			w.t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}
