package tasks

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/internal/agent/engine/docker/dockertest"
	"github.com/berth-dev/berth/test/berthtest"
)

// chain is a definition of three containers, each of which waits for the one before: init succeeds, sidecar is healthy, web runs.
// init appends a line to its log each time that it runs.
func chain(mode types.NetworkMode) *ecs.RegisterTaskDefinitionInput {
	first := nonEssential(logged(container("init", "print", `ran\n`)))
	sidecar, web := logged(container("sidecar", "run")), logged(container("web", "run"))
	sidecar.DependsOn = []types.ContainerDependency{{ContainerName: aws.String("init"), Condition: types.ContainerConditionSuccess}}
	sidecar.HealthCheck = &types.HealthCheck{Command: []string{"CMD", "/main", "read", "/proc/self/status"}, Interval: aws.Int32(5)}
	sidecar.RestartPolicy = &types.ContainerRestartPolicy{Enabled: aws.Bool(true)}
	web.DependsOn = []types.ContainerDependency{{ContainerName: aws.String("sidecar"), Condition: types.ContainerConditionHealthy}}
	web.HealthCheck = sidecar.HealthCheck
	return onEC2(mode, first, sidecar, web)
}

// TestAChainSurvivesSIGKILL kills the program at random moments while the containers of tasks wait for each other: none of them
// is the worse for it, and none of their containers runs twice.
func TestAChainSurvivesSIGKILL(t *testing.T) {
	w := start(t)
	in := w.request(chain(types.NetworkModeBridge))
	var all []types.Task
	for range 4 {
		all = append(all, w.run(in)...)
		time.Sleep(time.Duration(rand.IntN(800)) * time.Millisecond) // the moment is what is random here
		w.Kill()
		w.Restart()
	}
	for i, task := range all {
		all[i] = w.until("RUNNING", task)
		berthtest.Eventually(t, time.Minute, "the task is healthy", func() bool { return w.describe(task).HealthStatus == types.HealthStatusHealthy })
	}
	w.Kill() // while their health is looked at
	w.Restart()
	for _, task := range all {
		for name, want := range map[string][]string{"init": {"ran"}, "sidecar": {"running"}, "web": {"running"}} {
			if got := w.printed(task, name, 1); !slices.Equal(got, want) {
				t.Errorf("%s of %s printed %q", name, id(task), got)
			}
		}
		now := w.describe(task)
		for _, c := range now.Containers {
			if was := w.byName(task, aws.ToString(c.Name)); aws.ToString(c.RuntimeId) != aws.ToString(was.RuntimeId) {
				t.Errorf("container %s of %s is another than before", aws.ToString(c.Name), id(task))
			}
		}
		now = w.stop(task)
		for _, name := range []string{"init", "sidecar", "web"} {
			w.exited(now, name, 0)
		}
	}
}

// TestDockerRestartsWhileTasksStart has the Docker daemon die, and come back, while tasks start: each of them runs or says why
// it does not, and what comes after them runs.
func TestDockerRestartsWhileTasksStart(t *testing.T) {
	dockertest.Skip(t)
	daemon, err := dockertest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(daemon.End)
	w := start(t, "--engine", "docker", "--docker", daemon.Socket)
	in := w.request(chain(types.NetworkModeNone))
	in.Count = aws.Int32(3)
	for _, kill := range []bool{true, false} {
		tasks := w.run(in)
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond) // the moment is what is random here
		daemon.Stop(kill)
		if err := daemon.Start(); err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			var now types.Task
			berthtest.Eventually(t, 90*time.Second, "the task runs, or has stopped", func() bool {
				now = w.describe(task)
				last := aws.ToString(now.LastStatus)
				return last == "RUNNING" || last == "STOPPED"
			})
			t.Logf("killed: %v: %s %s%s", kill, aws.ToString(now.LastStatus), aws.ToString(now.StoppedReason), reasons(now))
			if aws.ToString(now.LastStatus) == "RUNNING" {
				now = w.stop(now)
			}
			w.until("STOPPED", now) // which says why
		}
	}
	w.stop(w.one(chain(types.NetworkModeNone), "RUNNING"))
}
