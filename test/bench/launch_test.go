package bench

import (
	"slices"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/internal/wire/client"
	"github.com/berth-dev/berth/test/berthtest"
)

// BenchmarkRunTask runs tasks one after the other, each on a machine that is idle again, and measures from the request
// to the first answer of DescribeTasks that says RUNNING: image present, awsvpc, seccomp, logs and databases on.
func BenchmarkRunTask(b *testing.B) {
	const rounds = 20
	engine := newEngine(b)
	before := engine.start(b)
	s := startWithFamilies(b)
	s.launch(hello, 1) // brings the image, the log group and the VPC
	var took []time.Duration
	for range rounds {
		took = append(took, s.launch(hello, 1))
	}
	after := engine.start(b)
	bare := (before["ms/bare"] + after["ms/bare"]) / 2
	measured.add(row{What: "RunTask to RUNNING, p50", Value: ms(median(took)), Unit: "ms", Floor: bare, FloorIs: "bare libcontainer", AtMost: 60, MaxRatio: 3})
	measured.add(row{What: "a task on its shim alone", Value: (before["ms/all"] + after["ms/all"]) / 2, Unit: "ms", Floor: bare, FloorIs: "bare libcontainer"})
	b.ReportMetric(ms(median(took)), "ms/p50")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFifty has 50 tasks run on an idle machine, by five calls of RunTask at once.
func BenchmarkFifty(b *testing.B) {
	const rounds = 5
	engine := newEngine(b)
	s := startWithFamilies(b)
	s.launch(small, 1)
	var took, bare []time.Duration
	for range rounds {
		quiet(b)
		bare = append(bare, time.Duration(50/engine.fifty(b)["tasks/s"]*float64(time.Second)))
		quiet(b)
		took = append(took, s.launch(small, 50))
	}
	measured.add(row{What: "0 to 50 tasks", Value: ms(median(took)), Unit: "ms", Floor: ms(median(bare)), FloorIs: "50 bare shims", MaxRatio: 1.5})
	b.ReportMetric(ms(median(took)), "ms/fifty")
	b.ReportMetric(0, "ns/op")
}

// The families of the benchmarks, of one container which logs: as people run it, and so small that fifty have room.
const (
	hello = "hello"
	small = "small"
)

// startWithFamilies starts a Berth that knows them.
func startWithFamilies(b *testing.B, args ...string) *subject {
	b.Helper()
	s := start(b, args...)
	for _, family := range []string{hello, small} {
		call(s, ecs.RegisterTaskDefinition, definition(family))
	}
	return s
}

func definition(family string) ecs.RegisterTaskDefinitionRequest {
	d := ecs.RegisterTaskDefinitionRequest{
		Family: family, NetworkMode: ecs.NetworkModeAwsvpc, ExecutionRoleArn: "arn:aws:iam::000000000000:role/ecsTaskExecutionRole",
		ContainerDefinitions: []ecs.ContainerDefinition{{
			Name: "web", Image: "berth/hello", Essential: new(true), StopTimeout: new(int32(2)),
			PortMappings: []ecs.PortMapping{{ContainerPort: new(int32(8080))}},
			LogConfiguration: &ecs.LogConfiguration{LogDriver: ecs.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": "/bench", "awslogs-region": region, "awslogs-stream-prefix": "web", "awslogs-create-group": "true",
			}},
		}},
	}
	if family == small {
		d.ContainerDefinitions[0].Memory = new(int32(64))
		return d
	}
	d.RequiresCompatibilities, d.Cpu, d.Memory = []ecs.Compatibility{ecs.CompatibilityFargate}, "256", "512"
	return d
}

// maxCount is how many tasks one RunTask starts at most.
const maxCount = 10

// launch starts tasks of a family, waits until all run, and returns how long that took; then it stops them and waits until
// nothing is left of them.
func (s *subject) launch(family string, count int) time.Duration {
	s.b.Helper()
	arns, took := s.up(family, count)
	s.down(arns)
	return took
}

// up starts tasks of a family and returns how long it took until all were RUNNING.
func (s *subject) up(family string, count int) (arns []string, took time.Duration) {
	s.b.Helper()
	subnet := call(s, ec2.DescribeSubnets, ec2.DescribeSubnetsRequest{}).Subnets[0].SubnetId
	in := ecs.RunTaskRequest{
		TaskDefinition: family, LaunchType: ecs.LaunchTypeFargate,
		NetworkConfiguration: &ecs.NetworkConfiguration{AwsvpcConfiguration: &ecs.AwsVpcConfiguration{Subnets: []string{subnet}}},
	}
	if family == small {
		in.LaunchType = ecs.LaunchTypeEc2
	}
	type outcome struct {
		*ecs.RunTaskResponse
		err error
	}
	outcomes, calls, began := make(chan outcome, count), 0, time.Now()
	for left := count; left > 0; left -= maxCount {
		request := in
		request.Count = new(int32(min(left, maxCount)))
		go func() {
			out, err := client.Call(s.b.Context(), s.client, ecs.RunTask, &request)
			outcomes <- outcome{out, err}
		}()
		calls++
	}
	for range calls {
		o := <-outcomes
		if o.err != nil || len(o.Failures) > 0 {
			s.b.Fatalf("RunTask: %v, %+v", o.err, o.RunTaskResponse)
		}
		for _, t := range o.Tasks {
			arns = append(arns, t.TaskArn)
		}
	}
	s.until("RUNNING", arns)
	return arns, time.Since(began)
}

// down stops tasks and waits until the machine has nothing of them.
func (s *subject) down(arns []string) {
	s.b.Helper()
	for _, arn := range arns {
		call(s, ecs.StopTask, ecs.StopTaskRequest{Task: arn})
	}
	s.until("STOPPED", arns)
	s.idle()
}

// idle waits until the machine has nothing of any task.
func (s *subject) idle() {
	s.b.Helper()
	in, err := instance.Find(s.Dir)
	if err != nil {
		s.b.Fatal(err)
	}
	berthtest.Eventually(s.b, 20*time.Second, "the machine is idle", func() bool { return len(berthtest.TaskLeftovers(s.b, in.ID)) == 0 })
}

// until asks, every other millisecond, until all tasks have a status: ten at a time, so that asking takes little of what it measures.
func (s *subject) until(status string, arns []string) {
	s.b.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	left := slices.Clone(arns)
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		for _, t := range call(s, ecs.DescribeTasks, ecs.DescribeTasksRequest{Tasks: left[:min(len(left), 10)]}).Tasks {
			if t.LastStatus == status {
				left = slices.DeleteFunc(left, func(arn string) bool { return arn == t.TaskArn })
			}
			if t.LastStatus == "STOPPED" && status != "STOPPED" {
				s.b.Fatalf("a task stopped: %s", t.StoppedReason)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.b.Fatalf("%d of %d tasks are not %s after a minute", len(left), len(arns), status)
		}
	}
}
