package tasks

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/test/berthtest"
)

// TestBothEnginesMeanTheSame runs one definition of three containers, and all that goes wrong with containers, on the native
// engine and on Docker: what is expected does not know which it is.
func TestBothEnginesMeanTheSame(t *testing.T) {
	docker := berthtest.StartDocker(t)
	for engine, args := range map[string][]string{
		"native": {"--engine", "native", "--docker", "none"},
		"docker": {"--engine", "docker", "--docker", docker.Socket},
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w := start(t, args...)
			t.Run("a whole definition", func(t *testing.T) {
				t.Parallel()
				w.in(t).whole()
			})
			w.faults()
		})
	}
}

// whole runs the definition of testdata/whole.json, as its user does, and looks at it from all sides: web waits for sidecar to be
// healthy, sidecar for init to have succeeded; init writes what web's health check reads.
func (w *world) whole() {
	t := w.t
	w.AWS(nil, "ssm", "put-parameter", "--name", "/whole/token", "--type", "SecureString", "--value", "a token")
	var secret struct{ ARN string }
	w.AWS(&secret, "secretsmanager", "create-secret", "--name", "whole", "--secret-string", `{"password":"a password"}`)
	text, err := os.ReadFile("testdata/whole.json")
	if err != nil {
		t.Fatal(err)
	}
	w.AWS(nil, "ecs", "register-task-definition", "--cli-input-json", strings.ReplaceAll(string(text), "DATABASE", secret.ARN))
	var ran struct {
		Tasks    []struct{ TaskARN, ClusterARN string }
		Failures []struct{ Reason string }
	}
	w.AWS(&ran, "ecs", "run-task", "--task-definition", "whole", "--enable-execute-command", "--tags", "key=team,value=blue")
	if len(ran.Tasks) != 1 {
		t.Fatalf("it does not run: %+v", ran)
	}
	task := w.until("RUNNING", types.Task{TaskArn: &ran.Tasks[0].TaskARN, ClusterArn: &ran.Tasks[0].ClusterARN})
	berthtest.Eventually(t, time.Minute, "the task is healthy", func() bool {
		task = w.describe(task)
		return task.HealthStatus == types.HealthStatusHealthy
	})

	t.Run("as it is described", func(t *testing.T) { w.in(t).wholeDescribed(task) })
	web := w.byName(task, "web")
	if len(web.NetworkBindings) == 0 {
		t.Fatalf("its port is published nowhere: %+v", web)
	}
	at := "127.0.0.1:" + strconv.Itoa(int(aws.ToInt32(web.NetworkBindings[0].HostPort)))
	t.Run("from inside", func(t *testing.T) { w.in(t).wholeInside(task, at) })
	t.Run("executed commands", func(t *testing.T) { w.in(t).wholeExecuted(task) })
	t.Run("a restart", func(t *testing.T) { w.in(t).wholeRestarted(task, at) })
	t.Run("its end", func(t *testing.T) { w.in(t).wholeStopped(task) })
}

// wholeDescribed looks at the answer of DescribeTasks.
func (w *world) wholeDescribed(task types.Task) {
	for name, want := range map[string]struct {
		status string
		health types.HealthStatus
	}{
		"web": {"RUNNING", types.HealthStatusHealthy}, "sidecar": {"RUNNING", types.HealthStatusHealthy}, "init": {"STOPPED", types.HealthStatusUnknown},
	} {
		c := w.byName(task, name)
		if aws.ToString(c.LastStatus) != want.status || c.HealthStatus != want.health || aws.ToString(c.RuntimeId) == "" || aws.ToString(c.ImageDigest) == "" {
			w.t.Errorf("container %s is %s, %s: %+v", name, aws.ToString(c.LastStatus), c.HealthStatus, c)
		}
	}
	w.exited(task, "init", 0)
	bindings := w.byName(task, "web").NetworkBindings
	if len(bindings) == 0 || aws.ToInt32(bindings[0].ContainerPort) != 8080 || aws.ToInt32(bindings[0].HostPort) < 1024 || bindings[0].Protocol != types.TransportProtocolTcp {
		w.t.Errorf("web is bound as %+v", bindings)
	}
	if n := len(w.byName(task, "sidecar").NetworkBindings); n != 0 {
		w.t.Errorf("sidecar, which publishes nothing, has %d bindings", n)
	}
}

// wholeInside asks web, which is published at an address.
func (w *world) wholeInside(task types.Task, at string) {
	for _, c := range []struct{ want, question, argument, value string }{
		{"a token", "env", "name", "TOKEN"},
		{"a password", "env", "name", "PASSWORD"},
		{"AWS_ECS_EC2", "env", "name", "AWS_EXECUTION_ENV"},
		{"made by init", "file", "name", "/seen/ready"},
		{"sidecar", "fetch", "url", "http://beside:8081/name"},
		{"arn:aws:sts::000000000000:assumed-role/application/" + id(task), "identity", "", ""},
	} {
		if got := w.ask(at, c.question, c.argument, c.value); got != c.want {
			w.t.Errorf("%s %s is %q, want %q", c.question, c.value, got, c.want)
		}
	}
	if said, err := tryAsk(w.t.Context(), at, "write", "name", "/seen/new"); err == nil || !strings.Contains(err.Error(), "read-only file system") {
		w.t.Errorf("it writes to what is mounted for reading: %s %v", said, err)
	}
	seen := w.metadata(at)
	states := map[string]string{}
	for _, c := range seen.Containers {
		states[c.Name] = c.KnownStatus
		if len(c.Networks) != 1 || c.Networks[0].NetworkMode != "bridge" {
			w.t.Errorf("%s has the networks %+v", c.Name, c.Networks)
		}
	}
	if seen.TaskARN != aws.ToString(task.TaskArn) || seen.LaunchType != "EC2" || states["web"] != "RUNNING" || states["sidecar"] != "RUNNING" || states["init"] != "STOPPED" && states["init"] != "" {
		w.t.Errorf("its metadata: %+v", seen)
	}
}

// metadata is what a task is told of itself, asked for by its container at an address.
func (w *world) metadata(at string) (seen seenTask) {
	w.t.Helper()
	body := w.ask(at, "fetch", "url", w.ask(at, "env", "name", "ECS_CONTAINER_METADATA_URI_V4")+"/task")
	if err := json.Unmarshal([]byte(body), &seen, json.MatchCaseInsensitiveNames(true)); err != nil {
		w.t.Fatalf("%v in %s", err, body)
	}
	return seen
}

// wholeExecuted executes commands in two of the containers.
func (w *world) wholeExecuted(task types.Task) {
	out, err := w.ecs.ExecuteCommand(w.t.Context(), &ecs.ExecuteCommandInput{Task: task.TaskArn, Container: aws.String("web"), Command: aws.String("/main shell"), Interactive: true})
	if err != nil {
		w.t.Fatal(err)
	}
	s := w.sit(out.Session)
	s.say("whoami")
	s.until("uid=0")
	if got := w.Run("exec", "--container", "sidecar", id(task), "/main", "print", `hello\n`); !strings.Contains(got, "hello") {
		w.t.Errorf("berth exec prints %q", got)
	}
	if _, err := w.Try("exec", "--container", "init", id(task), "/main", "print", `hello\n`); err == nil {
		w.t.Error("a command is executed in a container that has ended")
	}
}
