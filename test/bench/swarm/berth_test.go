package swarm

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/wire/client"
	"github.com/berth-dev/berth/test/berthtest"
)

// berth is the one contender.
type berth struct {
	*berthtest.Berth
	b        *testing.B
	client   *client.Client
	network  *ecs.NetworkConfiguration // of awsvpc
	instance string
	service  string
	ran      []string // the tasks of the service when its count was last seen to be whole
	made     int
}

func newBerth(b *testing.B, archive, mode string) contender {
	s := &berth{Berth: berthtest.Start(b), b: b}
	s.client = client.New(s.Endpoint, client.Static("test", "test", ""), "us-east-1")
	s.Run("image", "import", archive)
	in, err := instance.Find(s.Dir)
	if err != nil {
		b.Fatal(err)
	}
	s.instance = in.ID
	if mode == "awsvpc" {
		subnet := call(s, ec2.DescribeSubnets, ec2.DescribeSubnetsRequest{}).Subnets[0].SubnetId
		s.network = &ecs.NetworkConfiguration{AwsvpcConfiguration: &ecs.AwsVpcConfiguration{Subnets: []string{subnet}}}
	}
	call(s, ecs.RegisterTaskDefinition, ecs.RegisterTaskDefinitionRequest{
		Family: "hello", NetworkMode: ecs.NetworkMode(mode), ContainerDefinitions: []ecs.ContainerDefinition{{
			Name: "web", Image: image, Memory: new(int32(memory)), StopTimeout: new(int32(2)), Environment: []ecs.KeyValuePair{{Name: "PORT", Value: "0"}},
			LogConfiguration: &ecs.LogConfiguration{LogDriver: ecs.LogDriverJsonFile},
		}}})
	s.start(1) // brings the image
	s.down()
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

func (s *berth) up() time.Duration { return s.start(fifty) }

func (s *berth) start(tasks int) time.Duration {
	s.b.Helper()
	s.made++
	s.service = fmt.Sprint("hello-", s.made)
	began := time.Now()
	call(s, ecs.CreateService, ecs.CreateServiceRequest{ServiceName: s.service, TaskDefinition: "hello", LaunchType: ecs.LaunchTypeEc2,
		DesiredCount: new(int32(tasks)), NetworkConfiguration: s.network})
	s.whole(tasks, "")
	return time.Since(began)
}

// whole waits until so many tasks run, without one.
func (s *berth) whole(tasks int, without string) {
	s.b.Helper()
	berthtest.Eventually(s.b, time.Minute, "all tasks run", func() bool {
		s.ran = s.ran[:0]
		arns := call(s, ecs.ListTasks, ecs.ListTasksRequest{ServiceName: s.service}).TaskArns
		if len(arns) == 0 {
			return false
		}
		for _, t := range call(s, ecs.DescribeTasks, ecs.DescribeTasksRequest{Tasks: arns}).Tasks {
			if t.LastStatus == "RUNNING" && t.TaskArn != without {
				s.ran = append(s.ran, t.TaskArn)
			}
		}
		return len(s.ran) == tasks
	})
}

func (s *berth) kill() time.Duration {
	s.b.Helper()
	victim := s.ran[0]
	pid := containerOf(s.b, berthtest.ShimPIDs(s.b, s.instance, victim)[0])
	began := time.Now()
	berthtest.KillPID(s.b, pid)
	s.whole(fifty, victim)
	return time.Since(began)
}

// containerOf is the process of the container of a shim: its child.
func containerOf(b *testing.B, shim int) (pid int) {
	b.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", shim))
	if err != nil {
		b.Fatal(err)
	}
	for _, thread := range threads {
		children, _ := os.ReadFile(thread)
		if n, _ := fmt.Sscan(string(children), &pid); n == 1 {
			return pid
		}
	}
	b.Fatalf("shim %d has no container", shim)
	return 0
}

func (s *berth) down() {
	s.b.Helper()
	call(s, ecs.DeleteService, ecs.DeleteServiceRequest{Service: s.service, Force: new(true)})
	berthtest.Eventually(s.b, 30*time.Second, "nothing is left of Berth's tasks", func() bool {
		return len(call(s, ecs.ListTasks, ecs.ListTasksRequest{}).TaskArns) == 0 && len(berthtest.TaskLeftovers(s.b, s.instance)) == 0
	})
}
