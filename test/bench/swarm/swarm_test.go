// Package swarm has Berth and Docker Swarm start the same fifty tasks on the same machine, in alternating rounds: one image,
// one log driver, one network mode, a limit of memory each. `make bench` runs it, on a host of its own.
package swarm

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/wire/client"
	"github.com/berth-dev/berth/test/berthtest"
)

func TestMain(m *testing.M) { berthtest.OnOwnHost(m) }

const (
	image  = "bench/hello:v1"
	fifty  = 50
	rounds = 3
	memory = 32 // MiB
	// atLeast is how many times faster than Swarm the design wants Berth to be.
	atLeast = 5
)

// contender starts fifty tasks, returns how long it took until all of them ran, and removes them.
type contender interface{ fifty() time.Duration }

func BenchmarkFiftyBesideSwarm(b *testing.B) {
	archive := berthtest.Archive(b, image, "./cmd/hello")
	for _, mode := range []string{"bridge", "host"} {
		b.Run(mode, func(b *testing.B) {
			berth, docker := newBerth(b, archive, mode), newSwarm(b, archive, mode)
			var ours, theirs []time.Duration
			for range rounds {
				ours = append(ours, berth.fifty())
				theirs = append(theirs, docker.fifty())
			}
			slices.Sort(ours)
			slices.Sort(theirs)
			mine, other := ours[rounds/2], theirs[rounds/2]
			ratio := other.Seconds() / mine.Seconds()
			verdict := "met"
			if ratio < atLeast {
				verdict = "MISSED"
			}
			fmt.Printf("50 tasks, %s: Berth %.2f s, Docker Swarm %.2f s: %.1fx (budget >= %dx, %s)\n", mode, mine.Seconds(), other.Seconds(), ratio, atLeast, verdict)
			b.ReportMetric(mine.Seconds(), "s/berth")
			b.ReportMetric(other.Seconds(), "s/swarm")
			b.ReportMetric(ratio, "x")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// berth is the one contender.
type berth struct {
	*berthtest.Berth
	b      *testing.B
	client *client.Client
}

func newBerth(b *testing.B, archive, mode string) contender {
	s := &berth{Berth: berthtest.Start(b), b: b}
	s.client = client.New(s.Endpoint, client.Static("test", "test", ""), "us-east-1")
	s.Run("image", "import", archive)
	call(s, ecs.RegisterTaskDefinition, ecs.RegisterTaskDefinitionRequest{
		Family: "hello", NetworkMode: ecs.NetworkMode(mode), ContainerDefinitions: []ecs.ContainerDefinition{{
			Name: "web", Image: image, Memory: new(int32(memory)), StopTimeout: new(int32(2)), Environment: []ecs.KeyValuePair{{Name: "PORT", Value: "0"}},
			LogConfiguration: &ecs.LogConfiguration{LogDriver: ecs.LogDriverJsonFile},
		}}})
	s.until("STOPPED", s.stop(s.run(1))) // brings the image
	return s
}

func call[In, Out any](s *berth, op schema.Op[In, Out], in In) *Out {
	s.b.Helper()
	out, err := client.Call(s.b.Context(), s.client, op, &in)
	if err != nil {
		s.b.Fatal(err)
	}
	return out
}

func (s *berth) fifty() time.Duration {
	s.b.Helper()
	began := time.Now()
	arns := s.run(fifty)
	s.until("RUNNING", arns)
	took := time.Since(began)
	s.until("STOPPED", s.stop(arns))
	in, err := instance.Find(s.Dir)
	if err != nil {
		s.b.Fatal(err)
	}
	berthtest.Eventually(s.b, 30*time.Second, "nothing is left of Berth's tasks", func() bool { return len(berthtest.TaskLeftovers(s.b, in.ID)) == 0 })
	return took
}

func (s *berth) run(count int) (arns []string) {
	s.b.Helper()
	for left := count; left > 0; left -= 10 {
		out := call(s, ecs.RunTask, ecs.RunTaskRequest{TaskDefinition: "hello", LaunchType: ecs.LaunchTypeEc2, Count: new(int32(min(left, 10)))})
		if len(out.Failures) > 0 {
			s.b.Fatalf("RunTask: %+v", out.Failures)
		}
		for _, t := range out.Tasks {
			arns = append(arns, t.TaskArn)
		}
	}
	return arns
}

func (s *berth) stop(arns []string) []string {
	s.b.Helper()
	s.until("RUNNING", arns)
	for _, arn := range arns {
		call(s, ecs.StopTask, ecs.StopTaskRequest{Task: arn})
	}
	return arns
}

func (s *berth) until(status string, arns []string) {
	s.b.Helper()
	berthtest.Eventually(s.b, time.Minute, "all tasks are "+status, func() bool {
		for _, t := range call(s, ecs.DescribeTasks, ecs.DescribeTasksRequest{Tasks: arns}).Tasks {
			if t.LastStatus == "STOPPED" && status != "STOPPED" {
				s.b.Fatalf("a task stopped: %s", t.StoppedReason)
			}
			if t.LastStatus != status {
				return false
			}
		}
		return true
	})
}

// swarm is the other.
type swarm struct {
	b      *testing.B
	socket string
	mode   string
}

func newSwarm(b *testing.B, archive, mode string) contender {
	data, err := os.MkdirTemp("", "docker") // on the disk, as Berth's
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(data) })
	docker := berthtest.StartDocker(b, "--storage-driver", "overlay2", "--data-root", data)
	docker.Load(archive)
	s := &swarm{b, docker.Socket, mode}
	s.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1")
	b.Cleanup(func() { s.docker("swarm", "leave", "--force") })
	return s
}

func (s *swarm) fifty() time.Duration {
	s.b.Helper()
	began := time.Now()
	s.docker("service", "create", "--detach", "--name", "hello", "--replicas", fmt.Sprint(fifty), "--network", s.mode, "--no-resolve-image",
		"--log-driver", "json-file", "--limit-memory", fmt.Sprintf("%dM", memory), "--env", "PORT=0", "--stop-grace-period", "2s", "--restart-condition", "none", image)
	berthtest.Eventually(s.b, 3*time.Minute, "fifty of Swarm's tasks run", func() bool {
		return strings.Count(s.docker("service", "ps", "--format", "{{.CurrentState}}", "hello"), "Running") == fifty
	})
	took := time.Since(began)
	s.docker("service", "rm", "hello")
	berthtest.Eventually(s.b, 3*time.Minute, "nothing is left of Swarm's tasks", func() bool { return s.docker("ps", "--all", "--quiet") == "" })
	return took
}

func (s *swarm) docker(args ...string) string {
	s.b.Helper()
	cmd := exec.Command(berthtest.Tool(s.b, "docker"), args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+s.socket)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.b.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
