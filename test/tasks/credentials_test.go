package tasks

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/test/berthtest"
)

const role = "arn:aws:iam::000000000000:role/application"

// refused matches what AWS's services say to those whom they do not know.
var refused = regexp.MustCompile("AccessDenied|MissingAuthenticationToken|UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch")

// TestATaskCallsTheAPI asks tasks in awsvpc and in host mode to call AWS as programs do, told nothing, and as they must not.
func TestATaskCallsTheAPI(t *testing.T) {
	w := start(t)
	withRole := func(d *ecs.RegisterTaskDefinitionInput, family string) *ecs.RegisterTaskDefinitionInput {
		d.Family, d.TaskRoleArn = aws.String(family), aws.String(role)
		return d
	}
	private := w.one(withRole(fargate(named("main", "8080")), "awsvpc"), "RUNNING")
	hosted := w.one(withRole(onEC2(types.NetworkModeHost, named("main", "7071")), "host"), "RUNNING")
	other := w.one(withRole(fargate(named("main", "8080")), "other"), "RUNNING")
	at := map[string]string{"awsvpc": w.publicIP(private) + ":8080", "host": "127.0.0.1:7071"}
	tasks := map[string]types.Task{"awsvpc": private, "host": hosted}
	dev, err := w.SDK().Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	others := strings.Fields(w.ask(w.publicIP(other)+":8080", "keys"))

	for mode, at := range at {
		t.Run(mode+", as itself", func(t *testing.T) {
			w := w.in(t)
			want := "arn:aws:sts::000000000000:assumed-role/application/" + id(tasks[mode])
			if got := w.ask(at, "identity"); got != want {
				t.Errorf("it is %s, want %s", got, want)
			}
			if got := w.ask(at, "tasks"); !strings.Contains(got, aws.ToString(tasks[mode].TaskArn)) {
				t.Errorf("it lists the tasks %q, without its own", got)
			}
			if keys := strings.Fields(w.ask(at, "keys")); len(keys) != 3 || keys[0] == others[0] || keys[0] == dev.AccessKeyID {
				t.Errorf("it has the keys of another")
			}
		})
		t.Run(mode+", its environment", func(t *testing.T) {
			w := w.in(t)
			env := func(name string) string { return w.ask(at, "env", "name", name) }
			endpoint, execution := "http://169.254.170.2", "AWS_ECS_FARGATE"
			if mode == "host" {
				execution = "AWS_ECS_EC2"
				if endpoint = env("AWS_ENDPOINT_URL"); !strings.HasPrefix(endpoint, "http://127.0.0.1:") || endpoint == w.Endpoint {
					t.Errorf("AWS_ENDPOINT_URL is %s, want one of its own", endpoint)
				}
			}
			for name, want := range map[string]string{"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
				"AWS_EXECUTION_ENV": execution, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""} {
				if got := env(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if relative := env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); mode == "awsvpc" && !strings.HasPrefix(relative, "/v2/credentials/") {
				t.Errorf("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is %q", relative)
			}
			if got := w.ask(at, "fetch", "url", env("ECS_CONTAINER_METADATA_URI_V4")+"/task"); !strings.Contains(got, aws.ToString(tasks[mode].TaskArn)) {
				t.Errorf("its metadata are %s", got)
			}
			if got := w.ask(at, "fetch", "url", env("ECS_AGENT_URI")+"/task-protection/v1/state"); !strings.HasPrefix(got, `{"failure":{"Arn":"`+aws.ToString(tasks[mode].TaskArn)) {
				t.Errorf("of its protection it is told %s", got)
			}
		})
		own := strings.Fields(w.ask(at, "keys"))
		for name, keys := range map[string][]string{
			"with the dev key":                             {"key", dev.AccessKeyID, "secret", dev.SecretAccessKey},
			"with test/test":                               {"key", "test", "secret", "test"},
			"with another task's credentials":              {"key", others[0], "secret", others[1], "token", others[2]},
			"with a key that nobody has":                   {"key", "AKIAXXXXXXXXXXXXXXXX", "secret", "secret"},
			"without a signature":                          {"unsigned", ""},
			"with its own key and another's token":         {"key", own[0], "secret", own[1], "token", others[2]},
			"with its own key and a secret that is not it": {"key", own[0], "secret", "guess", "token", own[2]},
		} {
			t.Run(mode+", "+name, func(t *testing.T) {
				for _, question := range []string{"identity", "tasks"} {
					if got, err := tryAsk(t.Context(), at, question, keys...); err == nil {
						t.Errorf("%s answers %s", question, got)
					} else if !refused.MatchString(err.Error()) {
						t.Errorf("%s is refused with %v", question, err)
					}
				}
			})
		}
	}
	t.Run("host, test/test at Berth's own port", func(t *testing.T) {
		w := w.in(t)
		if got, err := tryAsk(t.Context(), at["host"], "identity", "key", "test", "secret", "test", "endpoint", w.Endpoint); err == nil {
			t.Errorf("it is %s", got)
		}
	})
	t.Run("credentials of another task are not handed out", func(t *testing.T) {
		w := w.in(t)
		elsewhere := w.ask(w.publicIP(other)+":8080", "env", "name", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
		for mode, at := range at {
			endpoint := w.ask(at, "env", "name", "AWS_ENDPOINT_URL")
			if got, err := tryAsk(t.Context(), at, "fetch", "url", endpoint+elsewhere); err == nil {
				t.Errorf("%s: %s", mode, got)
			}
		}
	})
	t.Run("a task without a role has no credentials and is refused", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		task := w.one(fargate(named("main", "8080")), "RUNNING")
		at := w.publicIP(task) + ":8080"
		if got := w.ask(at, "env", "name", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); got != "" {
			t.Errorf("it has credentials at %s", got)
		}
		if got, err := tryAsk(t.Context(), at, "identity", "key", others[0], "secret", others[1], "token", others[2]); err == nil {
			t.Errorf("it is %s", got)
		}
	})
	t.Run("the definition's own variables win", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		c := named("main", "8080")
		for name, value := range map[string]string{"AWS_ENDPOINT_URL": "http://elsewhere.example:1", "AWS_REGION": "eu-north-1", "AWS_EXECUTION_ENV": "mine"} {
			c.Environment = append(c.Environment, types.KeyValuePair{Name: aws.String(name), Value: aws.String(value)})
		}
		at := w.publicIP(w.one(withRole(fargate(c), "own"), "RUNNING")) + ":8080"
		for name, want := range map[string]string{"AWS_ENDPOINT_URL": "http://elsewhere.example:1", "AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EXECUTION_ENV": "mine"} {
			if got := w.ask(at, "env", "name", name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
	t.Run("a role of RunTask is the task's", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		in := w.request(withRole(fargate(named("main", "8080")), "overridden"))
		in.Overrides = &types.TaskOverride{TaskRoleArn: aws.String("arn:aws:iam::000000000000:role/path/another")}
		task := w.until("RUNNING", w.run(in)[0])
		if got, want := w.ask(w.publicIP(task)+":8080", "identity"), "arn:aws:sts::000000000000:assumed-role/another/"+id(task); got != want {
			t.Errorf("it is %s, want %s", got, want)
		}
	})
	t.Run("credentials end with their task", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		task := w.one(withRole(fargate(named("main", "8080")), "ends"), "RUNNING")
		keys := strings.Fields(w.ask(w.publicIP(task)+":8080", "keys"))
		call := []string{"key", keys[0], "secret", keys[1], "token", keys[2], "endpoint", w.Endpoint}
		if got := w.ask(at["host"], "identity", call...); !strings.HasSuffix(got, id(task)) {
			t.Errorf("before its end it is %s", got)
		}
		w.stop(task)
		if got, err := tryAsk(t.Context(), at["host"], "identity", call...); err == nil {
			t.Errorf("after its end it is %s", got)
		}
	})
}

// TestARequestWaitsForBerth kills Berth and has tasks call the API before it is there again.
func TestARequestWaitsForBerth(t *testing.T) {
	w := start(t)
	define := func(d *ecs.RegisterTaskDefinitionInput, family string) *ecs.RegisterTaskDefinitionInput {
		d.Family, d.TaskRoleArn = aws.String(family), aws.String(role)
		return d
	}
	private := w.one(define(fargate(named("main", "8080")), "awsvpc"), "RUNNING")
	hosted := w.one(define(onEC2(types.NetworkModeHost, named("main", "7071")), "host"), "RUNNING")
	at := []string{w.publicIP(private) + ":8080", "127.0.0.1:7071"}
	for i, task := range []types.Task{private, hosted} {
		if got := w.ask(at[i], "identity"); !strings.HasSuffix(got, id(task)) {
			t.Fatalf("before: %s", got)
		}
	}
	w.Kill()
	type answer struct {
		text string
		err  error
	}
	var answers []chan answer
	for _, at := range at {
		for _, question := range []string{"identity", "tasks", "keys"} {
			c := make(chan answer, 1)
			answers = append(answers, c)
			go func() {
				text, err := tryAsk(t.Context(), at, question)
				c <- answer{text, err}
			}()
		}
	}
	time.Sleep(300 * time.Millisecond) // so that they are on their way
	for _, c := range answers {
		select {
		case a := <-c:
			t.Errorf("while nobody is there a request is answered: %v", a)
		default:
		}
	}
	w.Restart()
	for _, c := range answers {
		if a := <-c; a.err != nil || a.text == "" {
			t.Errorf("a request that waited got %q, %v", a.text, a.err)
		}
	}
}

// TestATaskListensOnPort80 serves where web servers do, beside what answers for the task's metadata. That answers the task's
// own programs alone: a neighbour can send to any address of it.
func TestATaskListensOnPort80(t *testing.T) {
	w := start(t)
	d := fargate(named("web", "80"))
	d.TaskRoleArn = aws.String(role)
	task := w.one(d, "RUNNING")
	at := w.publicIP(task)
	if got := w.ask(at, "name"); got != "web" {
		t.Errorf("it answers %q", got)
	}
	if got := w.ask(at, "identity"); !strings.HasSuffix(got, id(task)) {
		t.Errorf("it is %q", got)
	}
	router, err := filepath.Glob("/run/berth/*/netns/vpc-*")
	if err != nil || len(router) != 1 {
		t.Fatal(router, err)
	}
	err = berthtest.Inside(router[0], func() error {
		if out, err := exec.Command("ip", "route", "replace", "169.254.170.2", "via", detail(task, "privateIPv4Address")).CombinedOutput(); err != nil {
			return fmt.Errorf("ip route: %w: %s", err, out)
		}
		conn, err := net.DialTimeout("tcp4", "169.254.170.2:51679", 2*time.Second)
		if err == nil {
			conn.Close()
			return errors.New("a neighbour reaches the task's metadata")
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
