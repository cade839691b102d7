package tasks

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/internal/agent/engine/docker/dockertest"
	"github.com/berth-dev/berth/test/berthtest"
)

// TestDockerRunsTasks has a Docker daemon run the containers whose addresses Berth's machine can't route to, as in a virtual
// machine: what a task has to do with Berth goes through the daemon's socket alone.
func TestDockerRunsTasks(t *testing.T) {
	dockertest.Skip(t)
	daemon, err := dockertest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(daemon.End)
	w := start(t, "--engine", "docker", "--docker", daemon.Socket)
	inside := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) { return daemon.Dial(address) }}}
	asked := func(at, question string) (answer string) {
		t.Helper()
		berthtest.Eventually(t, 20*time.Second, "the task answers", func() bool {
			got, err := inside.Get("http://" + at + "/" + question)
			if err != nil {
				return false
			}
			defer got.Body.Close()
			text, err := io.ReadAll(got.Body)
			answer = strings.TrimSpace(string(text))
			return err == nil
		})
		return answer
	}

	t.Run("on Fargate", func(t *testing.T) {
		w := w.in(t)
		d := fargate(named("main", "8080"), nonEssential(logged(container("beside", "run"))))
		d.TaskRoleArn = aws.String(role)
		task := w.one(d, "RUNNING")
		at := detail(task, "privateIPv4Address") + ":8080"
		if got, want := asked(at, "identity"), "arn:aws:sts::000000000000:assumed-role/application/"+id(task); got != want {
			t.Errorf("its credentials make it %s, not %s", got, want)
		}
		if got := asked(at, "tasks"); !strings.Contains(got, aws.ToString(task.TaskArn)) {
			t.Errorf("it lists the tasks %q", got)
		}
		w.output(task, "beside").until("running", func(messages []string) bool { return slices.Contains(messages, "running") })
		w.Kill()
		w.Restart()
		if now := w.describe(task); aws.ToString(now.LastStatus) != "RUNNING" {
			t.Errorf("after a restart it is %s", aws.ToString(now.LastStatus))
		}
		if got := asked(at, "identity"); !strings.Contains(got, id(task)) {
			t.Errorf("after a restart it is %s", got)
		}
		task = w.stop(task)
		w.exited(task, "beside", 0)
		if got := w.printed(task, "beside", 2); !slices.Equal(got, []string{"running", "terminated"}) {
			t.Errorf("it printed %q", got)
		}
	})
	t.Run("on the host's network", func(t *testing.T) {
		w := w.in(t)
		d := onEC2(types.NetworkModeHost, named("main", "7071"))
		d.TaskRoleArn = aws.String(role)
		task := w.one(d, "RUNNING")
		if got := asked("127.0.0.1:7071", "identity"); !strings.Contains(got, id(task)) {
			t.Errorf("its credentials make it %s", got)
		}
		w.stop(task)
	})
	t.Run("what can't be pulled", func(t *testing.T) {
		w := w.in(t)
		c := container("main", "run")
		c.Image = aws.String("registry.invalid/nothing:v1")
		task := w.until("STOPPED", w.run(w.request(fargate(c)))[0])
		if text := aws.ToString(task.StoppedReason) + reasons(task); !strings.Contains(text, "CannotPullContainerError") {
			t.Errorf("it says %s", text)
		}
	})
}

func nonEssential(c types.ContainerDefinition) types.ContainerDefinition {
	c.Essential = aws.Bool(false)
	return c
}
