package agent

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// helloContainer is a container of the built-in image, with a port of its own in its task's network.
func helloContainer(name string, port int, on ...acs.ContainerDependency) acs.Container {
	return acs.Container{Name: name, Image: "berth/hello", Essential: true, DependsOn: on, Environment: map[string]string{"PORT": fmt.Sprint(port)},
		DockerConfig: &acs.DockerConfig{Config: "{}", HostConfig: "{}"}}
}

func waitsFor(name string, condition acs.ContainerCondition) acs.ContainerDependency {
	return acs.ContainerDependency{ContainerName: name, Condition: condition}
}

// loneTask is a task without a network.
func loneTask(t testing.TB, n int, desired string, containers ...acs.Container) (arn, payload string) {
	arn = fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task/default/%032x", n)
	text, err := json.Marshal(&acs.Task{Arn: arn, TaskClusterArn: "arn:cluster/default", Family: "lone", Version: "1", DesiredStatus: desired,
		NetworkMode: "none", LaunchType: "EC2", Containers: containers})
	if err != nil {
		t.Fatal(err)
	}
	return arn, string(text)
}

// statusOf waits until a container of a task is as wanted.
func (a *living) statusOf(t *testing.T, n int, name string, wanted func(engine.ContainerStatus) bool) engine.ContainerStatus {
	t.Helper()
	states, err := a.Engine.Watch(t.Context(), fmt.Sprintf("%032x", n))
	if err != nil {
		t.Fatal(err)
	}
	late := time.After(30 * time.Second)
	for {
		select {
		case s := <-states:
			for _, c := range s.Containers {
				if c.Name == name && wanted(c) {
					return c
				}
			}
		case <-late:
			t.Fatalf("container %s never was as wanted", name)
		}
	}
}

// A web container behind a sidecar that is to be healthy and a first container that is to succeed; the sidecar is
// restarted when it ends, also by an agent that was not there then.
func TestRealContainersWaitForEachOther(t *testing.T) {
	const task = 50
	h, p := newHost(t), newPlane(t)
	a := h.live(p)
	p.await("connected", 0, nil)
	second := int32(1)
	side := helloContainer("side", 9081)
	side.HealthCheckType = acs.HealthCheckTypeDocker
	side.DockerConfig.Config = `{"Healthcheck":{"Test":["CMD","/hello","health"],"Interval":5000000000,"Timeout":2000000000,"Retries":3}}`
	side.RestartPolicy = &acs.RestartPolicy{Enabled: true, RestartAttemptPeriod: &second}
	first := helloContainer("first", 9081, waitsFor("side", acs.ContainerConditionHealthy))
	first.Essential, first.Command = false, []string{"health"} // asks the sidecar
	web := helloContainer("web", 9080, waitsFor("side", acs.ContainerConditionHealthy), waitsFor("first", acs.ContainerConditionSuccess))
	arn, payload := loneTask(t, task, "RUNNING", web, side, first)
	p.send("arn:instance/fargate", "m-1", payload)
	running := p.change(arn, "RUNNING")
	if c := running.Containers[2]; c.Status != "STOPPED" || c.ExitCode == nil || *c.ExitCode != 0 {
		t.Errorf("the first container is %+v", c)
	}
	healthy := func(b jsontext.Value) bool { return strings.Contains(string(b), `"HEALTHY"`) }
	p.await("PublishHealthRequest", 0, healthy)

	up := func(runs int) func(engine.ContainerStatus) bool {
		return func(c engine.ContainerStatus) bool { return c.State == engine.Running && c.Runs == runs }
	}
	kill := func(c engine.ContainerStatus) {
		time.Sleep(time.Until(c.StartedAt.Add(1100 * time.Millisecond))) // what its policy asks that it has run
		if err := syscall.Kill(c.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	kill(a.statusOf(t, task, "side", up(1)))
	again := a.statusOf(t, task, "side", up(2))
	a.end()
	kill(again)
	connected := p.count("connected")
	a = h.live(p)
	p.await("connected", connected, nil)
	a.statusOf(t, task, "side", up(3))

	_, payload = loneTask(t, task, "STOPPED", web, side, first)
	p.send("arn:instance/fargate", "m-2", payload)
	for _, c := range p.change(arn, "STOPPED").Containers {
		if c.ExitCode == nil || *c.ExitCode != 0 {
			t.Errorf("its end is %+v", c)
		}
	}
}

// BenchmarkAChainOfDependencies tells what each of the links of a chain of five containers adds to a launch, beside five that start
// at once.
func BenchmarkAChainOfDependencies(b *testing.B) {
	const links = 4
	h, p := newHost(b), newPlane(b)
	h.live(p)
	p.await("connected", 0, nil)
	n := 100
	launch := func(chain bool) time.Duration {
		n++
		var all []acs.Container
		for i := range links + 1 {
			c := helloContainer(fmt.Sprint("c", i), 9000+i)
			if chain && i > 0 {
				c.DependsOn = []acs.ContainerDependency{waitsFor(fmt.Sprint("c", i-1), acs.ContainerConditionStart)}
			}
			all = append(all, c)
		}
		arn, payload := loneTask(b, n, "RUNNING", all...)
		begin := time.Now()
		p.send("arn:instance/fargate", fmt.Sprint("run-", n), payload)
		p.change(arn, "RUNNING")
		took := time.Since(begin)
		_, payload = loneTask(b, n, "STOPPED", all...)
		p.send("arn:instance/fargate", fmt.Sprint("stop-", n), payload)
		p.change(arn, "STOPPED")
		return took
	}
	launch(false)
	var flat, chained []time.Duration
	for b.Loop() {
		flat, chained = append(flat, launch(false)), append(chained, launch(true))
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2].Microseconds()) / 1000
	}
	b.ReportMetric(median(flat), "ms/at-once")
	b.ReportMetric(median(chained), "ms/chain")
	b.ReportMetric((median(chained)-median(flat))/links, "ms/link")
}
