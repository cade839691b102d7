package swarm

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	moby "github.com/moby/moby/client"

	"github.com/berth-dev/berth/test/berthtest"
)

// docker is the other: a Swarm of one node. It is asked through its API, as Berth is.
type docker struct {
	b       *testing.B
	socket  string
	api     *moby.Client
	network string
	ran     []swarm.Task
}

func newSwarm(b *testing.B, archive, network string) contender {
	data, err := os.MkdirTemp("", "docker") // on the disk, as Berth's
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(data) })
	daemon := berthtest.StartDocker(b, "--storage-driver", "overlay2", "--data-root", data)
	daemon.Load(archive)
	api, err := moby.New(moby.WithHost("unix://" + daemon.Socket))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { api.Close() })
	s := &docker{b: b, socket: daemon.Socket, api: api, network: network}
	s.run("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1")
	b.Cleanup(func() { s.run("swarm", "leave", "--force") })
	if network == "overlay" {
		s.network = "bench"
		s.run("network", "create", "--driver", "overlay", s.network)
	}
	return s
}

func (s *docker) up() time.Duration {
	s.b.Helper()
	began := time.Now()
	s.run("service", "create", "--detach", "--name", "hello", "--replicas", fmt.Sprint(fifty), "--network", s.network, "--no-resolve-image", "--log-driver", "json-file",
		"--limit-memory", fmt.Sprintf("%dM", memory), "--env", "PORT=0", "--stop-grace-period", "2s", "--restart-delay", "0s", image)
	s.whole("")
	return time.Since(began)
}

// whole waits until all tasks run, without one.
func (s *docker) whole(without string) {
	s.b.Helper()
	berthtest.Eventually(s.b, 3*time.Minute, "fifty of Swarm's tasks run", func() bool {
		tasks, err := s.api.TaskList(s.b.Context(), moby.TaskListOptions{Filters: make(moby.Filters).Add("desired-state", "running")})
		if err != nil {
			s.b.Fatal(err)
		}
		s.ran = s.ran[:0]
		for _, t := range tasks.Items {
			if t.Status.State == swarm.TaskStateRunning && t.ID != without {
				s.ran = append(s.ran, t)
			}
		}
		return len(s.ran) == fifty
	})
}

func (s *docker) kill() time.Duration {
	s.b.Helper()
	victim := s.ran[0]
	began := time.Now()
	berthtest.KillPID(s.b, victim.Status.ContainerStatus.PID)
	s.whole(victim.ID)
	return time.Since(began)
}

func (s *docker) down() {
	s.b.Helper()
	s.run("service", "rm", "hello")
	berthtest.Eventually(s.b, 3*time.Minute, "nothing is left of Swarm's tasks", func() bool { return s.run("ps", "--all", "--quiet") == "" })
}

func (s *docker) run(args ...string) string {
	s.b.Helper()
	cmd := exec.Command(berthtest.Tool(s.b, "docker"), args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+s.socket)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.b.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
