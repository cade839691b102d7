package task

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
)

// lived runs a story in a bubble, with one agent that lives through it.
func lived(t *testing.T, story func(t *testing.T, w *world, a *agent)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start(&executioner{})
		defer a.die()
		story(t, w, a)
	})
}

// after lets time pass, and everything settle.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestATaskIsReportedRunningWithAllThatIsKnown(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		if err := a.apply(payload()); err != nil {
			t.Fatal(err)
		}
		after(0)
		if got := w.statuses(arnA); !slices.Equal(got, []string{running}) {
			t.Fatalf("reported %v at once", got)
		}
		r := w.last(arnA)
		if len(r.Attachments) != 1 || r.Attachments[0].Status != "ATTACHED" || r.PullStartedAt.IsZero() || r.PullStoppedAt.IsZero() || len(r.Containers) != 2 {
			t.Errorf("reported %+v", r)
		}
		for _, c := range r.Containers {
			if c.Status != running || len(c.RuntimeId) != 64 || !strings.HasPrefix(c.ImageDigest, "sha256:") || c.ExitCode != nil {
				t.Errorf("reported %+v", c)
			}
		}
		if got := a.Attachments("default"); len(got) != 1 || got[0].HostAddress != "127.0.0.1" || got[0].TaskARN != arnA {
			t.Errorf("attachments %+v", got)
		}
		if got := a.Live("default"); !slices.Equal(got, []string{arnA}) || len(a.Live("fargate")) != 0 {
			t.Errorf("live %v", got)
		}
	})
}

func TestWhatAContainerIsGiven(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		err := a.apply(payload(func(task *acs.Task) {
			stop := int32(7)
			task.PidMode, task.IpcMode = "task", "host"
			web := &task.Containers[0]
			web.StopTimeout, web.EntryPoint, web.Overrides = &stop, []string{"/entry"}, `{"command":["a","b"]}`
			web.DockerConfig.Config = `{"WorkingDir":"/srv","user":"nobody","Labels":{"mine":"1"}}`
			task.Containers[1].Environment = map[string]string{"AWS_ENDPOINT_URL": "http://elsewhere", "AWS_REGION": "eu-north-1"}
		}))
		if err != nil {
			t.Fatal(err)
		}
		after(0)
		shared, web, _ := w.machine.Spec(idA, "web")
		if shared.CPU != 256 || !shared.CPUHard || shared.Memory != 256<<20 || shared.NetNS != "/run/netns/"+idA || shared.Hostname != "ip-172-31-0-4.ec2.internal" || shared.Listen != "169.254.170.2:51679" {
			t.Errorf("the task is %+v", shared)
		}
		if shared.PIDMode != engine.TaskNamespace || shared.IPCMode != engine.HostNamespace || web.DockerName != "ecs-web-3-web-"+idA[:20] || web.Restarts {
			t.Errorf("the namespaces are %q and %q, the container's name %s", shared.PIDMode, shared.IPCMode, web.DockerName)
		}
		for path, want := range map[string]string{shared.ResolvConf: "nameserver 172.31.0.2\nsearch ec2.internal\n", shared.Hosts: "127.0.0.1 localhost\n172.31.0.4 ip-172-31-0-4.ec2.internal\n"} {
			if got, err := os.ReadFile(path); err != nil || string(got) != want {
				t.Errorf("%s is %q, %v", path, got, err)
			}
		}
		if web.Config.WorkingDir != "/srv" || web.Config.User != "nobody" || !slices.Equal(web.Config.Entrypoint, []string{"/entry"}) || !slices.Equal(web.Config.Cmd, []string{"a", "b"}) {
			t.Errorf("the container's configuration is %+v", web.Config)
		}
		if web.Host.CPUShares != 128 || web.Host.Memory != 64<<20 || web.Host.LogConfig.Type != "awslogs" || web.Log.Dir != filepath.Join(w.dir, "tasks", idA, "spool", "web") {
			t.Errorf("the container's host configuration is %+v, log %+v", web.Host, web.Log)
		}
		env := slices.Clone(web.Config.Env)
		want := []string{
			"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/cid", "AWS_DEFAULT_REGION=us-east-1", "AWS_ENDPOINT_URL=http://169.254.170.2",
			"AWS_EXECUTION_ENV=AWS_ECS_FARGATE", "AWS_REGION=us-east-1", "ECS_AGENT_URI=http://169.254.170.2/api/" + idA + "-0",
			"ECS_CONTAINER_METADATA_URI=http://169.254.170.2/v3/" + idA + "-0", "ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/" + idA + "-0", "STAGE=dev"}
		if !slices.Equal(env, want) {
			t.Errorf("the environment is %q", env)
		}
		labels := maps.Clone(web.Config.Labels)
		if len(labels) != 6 || labels["com.amazonaws.ecs.cluster"] != "default" || labels["com.amazonaws.ecs.task-arn"] != arnA || labels["mine"] != "1" {
			t.Errorf("the labels are %v", labels)
		}
		_, side, _ := w.machine.Spec(idA, "side")
		if !slices.Contains(side.Config.Env, "AWS_ENDPOINT_URL=http://elsewhere") || !slices.Contains(side.Config.Env, "AWS_REGION=eu-north-1") {
			t.Errorf("what the definition sets is overridden: %q", side.Config.Env)
		}
	})
}

func TestATaskInHostModeHasItsEndpointOnTheLoopback(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		port := int32(8080)
		err := a.apply(payload(func(task *acs.Task) {
			task.NetworkMode, task.ElasticNetworkInterfaces, task.LaunchType = "host", nil, "EC2"
			task.Containers[0].PortMappings = []acs.PortMapping{{ContainerPort: &port, Protocol: "tcp"}}
		}))
		if err != nil {
			t.Fatal(err)
		}
		after(0)
		shared, web, _ := w.machine.Spec(idA, "web")
		if host, _ := os.Hostname(); shared.NetNS != "" || shared.Listen != "127.0.0.1:0" || shared.Hosts == "" || shared.Hostname != host {
			t.Errorf("the task is %+v", shared)
		}
		for _, want := range []string{"AWS_ENDPOINT_URL=http://127.0.0.1:20001", "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:20001/v2/credentials/cid", "AWS_EXECUTION_ENV=AWS_ECS_EC2"} {
			if !slices.Contains(web.Config.Env, want) {
				t.Errorf("%s is missing in %q", want, web.Config.Env)
			}
		}
		c := w.last(arnA).Containers[0]
		if len(c.NetworkBindings) != 1 || *c.NetworkBindings[0].HostPort != 8080 || c.NetworkBindings[0].BindIP != "0.0.0.0" {
			t.Errorf("the bindings are %+v", c.NetworkBindings)
		}
		if len(web.Config.ExposedPorts) != 1 || web.Host.PortBindings != nil {
			t.Errorf("the engine is told of %v, and to publish %v", web.Config.ExposedPorts, web.Host.PortBindings)
		}
	})
}

func TestATaskWithoutANetworkKnowsItself(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		err := a.apply(payload(func(task *acs.Task) {
			task.NetworkMode, task.ElasticNetworkInterfaces, task.LaunchType = "none", nil, "EC2"
		}))
		if err != nil {
			t.Fatal(err)
		}
		after(0)
		shared, _, _ := w.machine.Spec(idA, "web")
		if hosts, err := os.ReadFile(shared.Hosts); !shared.NoNetwork || !strings.HasPrefix(string(hosts), "127.0.0.1 localhost\n") {
			t.Errorf("the task is %+v, its hosts %q, %v", shared, hosts, err)
		}
	})
}

func TestWhyATaskFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*acs.Task)
		world  func(*world)
		reason string // of the task
		web    string // of its essential container
	}{
		{"its log group is missing", func(task *acs.Task) {
			task.Containers[0].DockerConfig.HostConfig = `{"LogConfig":{"Type":"awslogs","Config":{"awslogs-group":"/none","awslogs-stream-prefix":"s"}}}`
		}, nil, "ResourceInitializationError: failed to validate logger args: ResourceNotFoundException: The specified log group does not exist: /none", ""},
		{"its network cannot be made", nil, func(w *world) { w.net.Fail(errors.New("no room")) }, "ResourceInitializationError: attach network interface eni-1: no room", ""},
		{"it asks for what this agent does not do", func(task *acs.Task) {
			task.NetworkMode, task.ProxyConfiguration = "nat", &acs.ProxyConfiguration{}
		}, nil, `ResourceInitializationError: this agent does not support network mode "nat", proxyConfiguration`, ""},
		{"it has no essential container", func(task *acs.Task) { task.Containers[0].Essential = false }, nil,
			"UnrecognizedTaskError: none of its containers is essential", ""},
		{"a name would leave its directory", func(task *acs.Task) { task.Containers[0].Name = "../web" }, nil,
			`UnrecognizedTaskError: "../web" cannot name a container`, ""},
		{"its Docker configuration is no JSON", func(task *acs.Task) { task.Containers[0].DockerConfig.Config = "{" }, nil, "",
			"CannotCreateContainerError: container web: dockerConfig.config: "},
		{"its container cannot be created", nil, func(w *world) { w.machine.Script("web:1", fake.Behaviour{CreateFails: "no space"}) }, "",
			"CannotCreateContainerError: no space"},
		{"its container cannot be started", nil, func(w *world) { w.machine.Script("web:1", fake.Behaviour{StartFails: "no such file"}) }, "",
			"CannotStartContainerError: no such file"},
		{"its container takes too long to start", nil, func(w *world) { w.machine.Script("web:1", fake.Behaviour{StartTakes: time.Hour}) }, "",
			"DockerTimeoutError: Could not transition to started; timed out after waiting 3m0s"},
		{"its memory runs out", nil, func(w *world) { w.machine.Script("web:1", fake.Behaviour{Runs: time.Second, OOM: true}) }, "",
			"OutOfMemoryError: Container killed due to memory usage"},
		{"its keeper dies", nil, func(w *world) {
			time.AfterFunc(time.Second, func() { w.machine.Lose(idA, "The shim was killed.") })
		}, "The shim was killed.", ""},
		{"it is removed behind the agent's back", nil, func(w *world) { time.AfterFunc(time.Second, w.machine.Reboot) }, errGone.reason, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			lived(t, func(t *testing.T, w *world, a *agent) {
				if c.world != nil {
					c.world(w)
				}
				if c.change == nil {
					c.change = func(*acs.Task) {}
				}
				if err := a.apply(payload(c.change)); err != nil {
					t.Fatal(err)
				}
				after(5 * time.Minute)
				last := w.last(arnA)
				if last.Status != stopped || last.Reason != c.reason {
					t.Errorf("%s because %q, want %q", last.Status, last.Reason, c.reason)
				}
				if web := last.Containers[0]; web.Status != stopped || !strings.HasPrefix(web.Reason, c.web) || c.web == "" && web.Reason != "" {
					t.Errorf("its container is %s because %q, want %q", web.Status, web.Reason, c.web)
				}
				for _, left := range append(w.leftovers(), a.remembered()...) {
					t.Errorf("left over: %s", left)
				}
			})
		})
	}
}

func TestATaskThatCannotBeReadIsReportedAndForgotten(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		if err := a.apply(`{"arn":"` + arnA + `","containers":"many","roleCredentials":{"secretAccessKey":"hush"}}`); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if last := w.last(arnA); last.Status != stopped || !strings.HasPrefix(last.Reason, "UnrecognizedTaskError: ") || !strings.Contains(last.Reason, "containers") {
			t.Errorf("reported %+v", last)
		}
		if left := a.remembered(); len(left) != 0 {
			t.Errorf("left over: %s", left)
		}
	})
}

func TestAReportThatIsLeftOverDoesNotHoldTheEndUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		down := true
		w.refuse = func(int) error {
			if down {
				return errors.New("connection refused")
			}
			return nil
		}
		a := w.start(&executioner{})
		_ = a.apply(payload())
		after(time.Second)
		_ = a.apply(payload(toStop))
		after(time.Second)
		var b db.Batch
		b.DeleteReport(idA, 2) // the last one arrived, the one before it was not removed
		if err := a.db.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		a.die()
		down = false
		a = w.start(&executioner{})
		after(time.Minute)
		for _, left := range append(w.leftovers(), a.remembered()...) {
			t.Errorf("left over: %s", left)
		}
		a.die()
	})
}

func TestAQuickTaskIsReportedRunningBeforeItIsStopped(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		w.machine.Script("web:1", fake.Behaviour{Runs: time.Nanosecond, ExitCode: 3})
		w.machine.Script("side:1", fake.Behaviour{StartTakes: time.Second})
		_ = a.apply(payload())
		after(time.Minute)
		if got := w.statuses(arnA); !slices.Equal(got, []string{running, stopped}) {
			t.Errorf("reported %v", got)
		}
		if c := w.last(arnA).Containers[0]; c.ExitCode == nil || *c.ExitCode != 3 {
			t.Errorf("reported %+v", c)
		}
	})
}

func TestAPullThatTakesItsTimeDoesNotHideTheAttachment(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		w.machine.Script("web:1", fake.Behaviour{PullTakes: time.Minute})
		_ = a.apply(payload())
		after(time.Second)
		r := w.last(arnA)
		if r.Status != pending || len(r.Attachments) != 1 || r.PullStartedAt.IsZero() || !r.PullStoppedAt.IsZero() {
			t.Errorf("reported %+v", r)
		}
		after(time.Minute)
		if got := w.statuses(arnA); !slices.Equal(got, []string{pending, running}) {
			t.Errorf("reported %v", got)
		}
	})
}

func TestContainersStopTogetherEachInItsGrace(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		w.machine.Script("web:1", fake.Behaviour{Stubborn: true})
		w.machine.Script("side:1", fake.Behaviour{Stubborn: true})
		_ = a.apply(payload(func(task *acs.Task) { seven := int32(7); task.Containers[1].StopTimeout = &seven }))
		after(0)
		if err := a.Stop(t.Context(), []string{arnA, "arn:of/nobody"}); err != nil {
			t.Fatal(err)
		}
		after(8 * time.Second)
		if got := w.machine.Running(); !slices.Equal(got, []string{idA + "/web"}) {
			t.Errorf("after 8 s runs %v", got)
		}
		after(23 * time.Second)
		if got := w.machine.Running(); len(got) != 0 || w.last(arnA).Status != stopped {
			t.Errorf("after 31 s runs %v", got)
		}
	})
}

func TestAPayloadThatComesAgainChangesNothing(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		for range 3 {
			_ = a.apply(payload())
		}
		after(time.Second)
		_ = a.apply(payload(toStop))
		_ = a.apply(payload()) // a task that is to stop is not called back
		after(time.Minute)
		if got := w.machine.Starts(); got[idA+"/web"] != 1 {
			t.Errorf("starts %v", got)
		}
		before := len(w.statuses(arnA))
		_ = a.apply(payload()) // nor one that has ended: its end is told again
		after(time.Minute)
		if got := w.statuses(arnA); len(got) != before || w.last(arnA).Status != stopped {
			t.Errorf("reported %v", got)
		}
		if got := w.machine.Starts(); got[idA+"/web"] != 1 || len(a.remembered()) != 0 {
			t.Errorf("starts %v, remembered %v", got, a.remembered())
		}
	})
}

func TestATaskThatWasNeverHereIsReportedStopped(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		_ = a.apply(payload(toStop))
		after(time.Second)
		if got := w.statuses(arnA); !slices.Equal(got, []string{stopped}) || len(w.machine.Starts()) != 0 || len(a.remembered()) != 0 {
			t.Errorf("reported %v, started %v", got, w.machine.Starts())
		}
	})
}

func TestReportsWaitForTheControlPlaneInOrder(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		w.refuse = func(n int) error {
			if n < 20 {
				return errors.New("connection refused")
			}
			return nil
		}
		_ = a.apply(payload())
		after(time.Minute)
		_ = a.apply(payload(toStop))
		after(time.Minute)
		if got := w.machine.Tasks(); len(got) != 1 {
			t.Error("a task is removed before its end is acknowledged")
		}
		after(time.Hour)
		if got := w.statuses(arnA); !slices.Equal(got, []string{running, stopped}) || len(a.remembered()) != 0 {
			t.Errorf("reported %v; left %v", got, a.remembered())
		}
	})
}

func TestAReportGoesOutAtOnceWhenTheControlPlaneIsBack(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		down := true
		w.refuse = func(int) error {
			if down {
				return errors.New("connection refused")
			}
			return nil
		}
		_ = a.apply(payload())
		after(10 * time.Minute)
		w.mu.Lock()
		down = false
		w.mu.Unlock()
		a.Hurry()
		after(0)
		if got := w.statuses(arnA); !slices.Equal(got, []string{running}) {
			t.Errorf("reported %v", got)
		}
	})
}

func TestARejectedReportIsDropped(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		w.refuse = func(int) error { return fmt.Errorf("%w: no such cluster", ErrRejected) }
		_ = a.apply(payload())
		after(time.Second)
		_ = a.apply(payload(toStop))
		after(time.Minute)
		for _, left := range append(w.leftovers(), a.remembered()...) {
			t.Errorf("left over: %s", left)
		}
	})
}

func TestWhatNobodyAskedForIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		e := w.machine.Engine()
		if err := e.CreateTask(t.Context(), engine.TaskSpec{Task: idA}); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(w.dir, "tasks", idA, "spool"), 0o700); err != nil {
			t.Fatal(err)
		}
		a := w.start(&executioner{})
		for _, left := range w.leftovers() {
			t.Errorf("left over: %s", left)
		}
		a.die()
	})
}

func TestAMachineThatWasRestartedReportsItsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start(&executioner{})
		_ = a.apply(payload())
		after(time.Second)
		a.die()
		w.machine.Reboot()
		a = w.start(&executioner{})
		after(time.Minute)
		if last := w.last(arnA); last.Status != stopped || last.Reason != errGone.reason || w.machine.Starts()[idA+"/web"] != 1 {
			t.Errorf("reported %+v", last)
		}
		for _, left := range append(w.leftovers(), a.remembered()...) {
			t.Errorf("left over: %s", left)
		}
		a.die()
	})
}

func TestNothingIsStartedForATaskThatEndedWithoutAnAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.machine.Script("side:1", fake.Behaviour{StartTakes: time.Second})
		a := w.start(&executioner{})
		_ = a.apply(payload())
		after(time.Second / 2)
		a.die()
		w.machine.Exit(idA, "web", 9)
		a = w.start(&executioner{})
		after(time.Minute)
		if got := w.machine.Starts(); got[idA+"/side"] != 0 || got[idA+"/web"] != 1 {
			t.Errorf("starts %v", got)
		}
		if last := w.last(arnA); last.Status != stopped || last.Containers[0].ExitCode == nil || *last.Containers[0].ExitCode != 9 {
			t.Errorf("reported %+v", last)
		}
		a.die()
	})
}

func TestATasksRequestsWaitWhileTheAgentIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start(&executioner{})
		_ = a.apply(payload())
		after(time.Second)
		get := func() (string, error) {
			c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return w.machine.Dial(ctx, idA)
			}}}
			resp, err := c.Get("http://169.254.170.2/v2/credentials/cid")
			if err != nil {
				return "", err
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			return string(body), err
		}
		want := `{"RoleArn":"arn:aws:iam::123456789012:role/app","AccessKeyId":"ASIATASK","SecretAccessKey":"hush","Token":"token","Expiration":"2030-01-01T00:00:00Z"}`
		if got, err := get(); err != nil || got != want {
			t.Errorf("answered %s, %v", got, err)
		}
		a.die()
		answered := make(chan string, 1)
		go func() {
			got, err := get()
			answered <- fmt.Sprint(got, err)
		}()
		after(3 * time.Second)
		a = w.start(&executioner{})
		after(2 * time.Second)
		select {
		case got := <-answered:
			t.Errorf("answered %s before the credentials are there again", got)
		default:
		}
		_ = a.apply(payload()) // the control plane sends the credentials again
		if got := <-answered; got != want+"<nil>" {
			t.Errorf("answered %s", got)
		}
		a.die()
	})
}

func TestWhatRunsSurvivesAnAgentThatCannotAdoptItsNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start(&executioner{})
		_ = a.apply(payload())
		after(time.Second)
		a.die()
		w.net.Fail(errors.New("busy"))
		a = w.start(&executioner{})
		after(time.Minute)
		if got := w.machine.Running(); len(got) != 2 || w.last(arnA).Status != running {
			t.Errorf("%v runs; last reported %+v", got, w.last(arnA))
		}
		a.die()
	})
}

func TestManyTasksAtOnce(t *testing.T) {
	lived(t, func(t *testing.T, w *world, a *agent) {
		var payloads, stops []string
		var arns []string
		for i := range 100 {
			arn := fmt.Sprintf("arn:aws:ecs:us-east-1:123456789012:task/default/%032x", i)
			rename := func(task *acs.Task) { task.Arn = arn }
			arns = append(arns, arn)
			payloads, stops = append(payloads, payload(rename)), append(stops, payload(rename, toStop))
		}
		if err := a.apply(payloads...); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if n := len(w.machine.Running()); n != 200 {
			t.Errorf("%d containers run", n)
		}
		if err := a.apply(stops...); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		for _, arn := range arns {
			if got := w.statuses(arn); !slices.Equal(got, []string{running, stopped}) {
				t.Errorf("%s: reported %v", arn, got)
			}
		}
		for _, left := range append(w.leftovers(), a.remembered()...) {
			t.Errorf("left over: %s", left)
		}
	})
}

// A task may be told to stop for the first time while the last of it goes.
func TestAStopThatComesAsTheTaskIsForgottenLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.machine.Script("web:1", fake.Behaviour{Runs: time.Millisecond})
	a := w.start(&executioner{})
	defer a.die()
	var stops sync.WaitGroup
	for i := range 200 {
		stops.Go(func() {
			arn := fmt.Sprintf("%s%03d", arnA[:len(arnA)-3], i)
			named := func(task *acs.Task) { task.Arn = arn }
			if err := a.apply(payload(named)); err != nil {
				t.Error(err)
			}
			for len(w.statuses(arn)) < 2 {
				time.Sleep(100 * time.Microsecond)
			}
			if err := a.apply(payload(named, toStop)); err != nil {
				t.Error(err)
			}
		})
	}
	stops.Wait()
	for a.Left() > 0 {
		time.Sleep(time.Millisecond)
	}
	if left := a.remembered(); len(left) > 0 {
		t.Errorf("nobody runs what the database has: %v", left)
	}
}
