package tasks

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TestHowTasksFailToStart looks at what is said of tasks that never run.
func TestHowTasksFailToStart(t *testing.T) {
	w := start(t)
	r := newRegistry(t)
	closed := "127.0.0.1:9" // where nobody listens
	hung, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()

	of := func(image string) types.ContainerDefinition {
		c := container("main", "run")
		c.Image = aws.String(image)
		return c
	}
	missing := container("main")
	missing.EntryPoint = []string{"/no/such/program"}
	layer, settings := probeImage(t)
	r.push("bare", layer, bytes.Replace(settings, []byte(`"Entrypoint"`), []byte(`"Ignored"`), 1))
	bare := of(r.host + "/bare:1")
	bare.Command = nil
	directory := container("main")
	directory.EntryPoint = []string{"/etc"}
	stranger := container("main", "run")
	stranger.User = aws.String("stranger")
	noGroup := logged(container("main", "run"), "awslogs-group", "/no/such/group", "awslogs-create-group", "false")
	for name, c := range map[string]struct {
		container types.ContainerDefinition
		inReason  []string // of the task
		started   bool     // whether the reason is the container's too
	}{
		"an image that its registry does not have": {of(r.host + "/nothing:1"), []string{"CannotPullContainerError: ", r.host + "/nothing:1", "not found"}, true},
		"a tag that its registry does not have":    {of(r.host + "/probe:2"), []string{"CannotPullContainerError: ", r.host + "/probe:2", "not found"}, true},
		"a registry that is not there":             {of(closed + "/probe:1"), []string{"CannotPullContainerError: ", closed + "/probe:1", "connection refused"}, true},
		"an image of no registry":                  {of("no/such/image"), []string{"CannotPullContainerError: ", "no/such/image"}, true},
		"a program that is not in the image":       {missing, []string{"CannotStartContainerError: ", "/no/such/program", "no such file or directory"}, true},
		"a directory for a program":                {directory, []string{"CannotStartContainerError: ", "/etc", "is a directory"}, true},
		"an image without a program":               {bare, []string{"CannotCreateContainerError: ", "no command specified"}, true},
		"a user whom the image does not know":      {stranger, []string{"Cannot", "stranger"}, true},
		"a log group that is not there":            {noGroup, []string{"ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			side := container("side", "run", "0")
			task := w.one(fargate(c.container, side), "STOPPED")
			if task.StopCode != types.TaskStopCodeTaskFailedToStart || task.StartedAt != nil {
				t.Errorf("stop code %s, started at %v", task.StopCode, task.StartedAt)
			}
			for _, part := range c.inReason {
				if got := aws.ToString(task.StoppedReason); !strings.Contains(got, part) {
					t.Errorf("the task's reason is %q, without %q", got, part)
				}
				if got := aws.ToString(w.byName(task, "main").Reason); c.started && !strings.Contains(got, part) {
					t.Errorf("the container's reason is %q, without %q", got, part)
				}
			}
			for _, name := range []string{"main", "side"} {
				if got := aws.ToString(w.byName(task, name).LastStatus); got != "STOPPED" {
					t.Errorf("container %s is %s", name, got)
				}
			}
		})
	}
	for name, broken := range map[string]types.ContainerDefinition{
		"CannotPullContainerError: ":  of(r.host + "/nothing:1"),
		"CannotStartContainerError: ": missing,
	} {
		t.Run(name+"of a container that is not essential", func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			broken.Name, broken.Essential = aws.String("side"), aws.Bool(false)
			task := w.one(fargate(broken, runs()), "RUNNING")
			if side := w.byName(task, "side"); aws.ToString(side.LastStatus) != "STOPPED" || !strings.HasPrefix(aws.ToString(side.Reason), name) {
				t.Errorf("it is %s: %s", aws.ToString(side.LastStatus), aws.ToString(side.Reason))
			}
			w.ended(w.endsWell(task), types.TaskStopCodeUserInitiated, "Task stopped by user")
		})
	}
	t.Run("a registry that hangs does not hold up a stop", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		task := w.one(fargate(of(hung.Addr().String()+"/probe:1")), "PENDING")
		began := time.Now()
		task = w.stop(task)
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("it took %s", took)
		}
		w.ended(task, types.TaskStopCodeUserInitiated, "Task stopped by user")
	})
}
