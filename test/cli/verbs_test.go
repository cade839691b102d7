package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/test/berthtest"
)

// TestVerbs has one Berth, and uses it by every verb as a person and as a script would.
func TestVerbs(t *testing.T) {
	data := place(t)
	dev(t, data, "--account", "123456789012", "--region", "eu-west-1")
	verb := func(args ...string) call { return berth(t, append([]string{"--data-dir", data}, args...)...) }
	must := func(args ...string) string {
		t.Helper()
		c := verb(args...)
		if c.code != 0 {
			t.Fatalf("berth %v: %s", args, c.stderr)
		}
		return c.stdout
	}
	command := func(args ...string) *exec.Cmd {
		return exec.Command(berthtest.Program(t, "berth"), append([]string{"--data-dir", data}, args...)...)
	}
	counter := berthtest.Archive(t, "counter:test", "./test/berthtest/counter")
	must("image", "import", counter)
	must("run", helloWeb) // the built-in image is unpacked once

	// A registry that hangs gives up its secret only after a while.
	hanging := silentRegistry(t)
	hangs := start(t, command("run", file(t, "hangs.json", strings.Replace(job("hangs", "1", "1", "0"), "counter:test", hanging+"/image", 1))))
	berthtest.Eventually(t, 10*time.Second, "ps tells what image a task waits for", func() bool {
		return strings.Contains(must("ps"), "resolving "+hanging+"/image")
	})

	t.Run("run tells each step, and then what runs", func(t *testing.T) {
		c := verb("run", "hello-web")
		if !strings.Contains(c.stderr, "PROVISIONING") || !strings.Contains(c.stderr, "RUNNING") || strings.Contains(c.stderr, "\x1b") {
			t.Errorf("progress is\n%s", c.stderr)
		}
		if rows := strings.Split(strings.TrimSpace(c.stdout), "\n"); len(rows) != 2 || !strings.HasPrefix(rows[0], "TASK ") || !strings.Contains(rows[1], "http://") {
			t.Errorf("it printed\n%s", c.stdout)
		}
	})
	t.Run("run reads standard input, and prints one thing for scripts", func(t *testing.T) {
		definition, err := os.Open(helloWeb)
		if err != nil {
			t.Fatal(err)
		}
		defer definition.Close()
		cmd := command("run", "-", "--print", "task")
		cmd.Stdin = definition
		id := strings.TrimSpace(run(t, cmd).stdout)
		if len(id) != 12 {
			t.Fatalf("the task is %q", id)
		}
		if out := must("stop", id[:11]); out != id+" STOPPED\n" {
			t.Errorf("stop by a part of the id: %q", out)
		}
		if out := must("stop", id); out != id+" STOPPED\n" {
			t.Errorf("stop of one that has stopped: %q", out)
		}
	})
	t.Run("run of a task that ends well", func(t *testing.T) {
		ended := decode[[]task](t, verb("run", file(t, "job.json", job("job", "3", "1", "0")), "--output", "json"))
		if len(ended) != 1 {
			t.Errorf("%+v", ended)
		}
	})
	t.Run("run of a task that can't start", func(t *testing.T) {
		verb("run", file(t, "bad.json", strings.Replace(job("bad", "1", "1", "0"), "counter:test", "127.0.0.1:1/none", 1))).
			refused(t, 1, "(bad:1) stopped: CannotPullContainerError", "127.0.0.1:1/none", "connection refused")
	})
	t.Run("run of what is not a definition", func(t *testing.T) {
		for text, says := range map[string]string{
			"":                                     "is empty",
			"family: web":                          "line 1: it is not valid JSON",
			"{\"family\": \"web\",\n\"cpu\": 256}": "line 2: cpu is of type number and must be of type string",
			`{"family": "web"}`:                    "Container list cannot be empty",
			"{\"family\": \"web\",\n\"containerDefin": "line 2: the JSON ends before it is complete",
		} {
			path := file(t, "definition.json", text)
			verb("run", path).refused(t, 1, path, says)
		}
		verb("run", filepath.Join(t.TempDir(), "none.json")).refused(t, 1, "there is no file")
		verb("run", t.TempDir()).refused(t, 1, "is a directory")
		verb("run", "nosuch").refused(t, 1, "nosuch is neither a file here nor a registered family")
		verb("run", "hello-web:99").refused(t, 1, "hello-web:99 is neither")
	})
	t.Run("run in the middle of which comes Ctrl-C", func(t *testing.T) {
		silent := silentRegistry(t)
		f := start(t, command("run", file(t, "silent.json", strings.Replace(job("silent", "1", "1", "0"), "counter:test", silent+"/image", 1))))
		f.says(t, "PROVISIONING")
		f.signal(t, syscall.SIGINT)
		if code := f.ends(t, 2*time.Second); code != 130 {
			t.Errorf("it ended with %d", code)
		}
		f.says(t, "goes on starting; `")
		f.says(t, "` stops it")
	})
	t.Run("logs", func(t *testing.T) {
		must("run", file(t, "counter.json", job("counter", "0", "20", "0")))
		id := ps(t, data)[0].Task
		berthtest.Eventually(t, 10*time.Second, "something is logged", func() bool { return strings.Contains(must("logs", "counter"), "line 3\n") })
		for _, word := range []string{id, id[:11], "counter", "counter:1"} {
			if out := must("logs", word); !strings.HasPrefix(out, "line 1\nline 2\n") {
				t.Errorf("logs %s: %q", word, out)
			}
		}
		first, _, _ := strings.Cut(must("logs", "counter", "--output", "json"), "\n")
		var event struct{ Task, Container, Message, Time string }
		if err := json.Unmarshal([]byte(first), &event, json.MatchCaseInsensitiveNames(true)); err != nil || event.Message != "line 1" || event.Task != id || event.Container != "main" {
			t.Errorf("as JSON: %s (%v)", first, err)
		}
		verb("logs", "nosuch").refused(t, 1, `there is no task, family or container "nosuch" here`, "--data-dir "+data+" ps -a` lists the tasks")

		// Following goes on over what comes, and ends well by Ctrl-C, by the end of what reads it, and with the one task.
		f := start(t, command("logs", "-f", "counter"))
		f.says(t, "line 30\n")
		f.signal(t, syscall.SIGINT)
		if code := f.ends(t, 2*time.Second); code != 0 {
			t.Errorf("Ctrl-C: it ended with %d", code)
		}
		piped := run(t, exec.Command("sh", "-c", `"$@" | head -n 2`, "sh", berthtest.Program(t, "berth"), "--data-dir", data, "logs", "-f", "counter"))
		if piped.stdout != "line 1\nline 2\n" || piped.stderr != "" {
			t.Errorf("into head: %+v", piped)
		}
		f = start(t, command("logs", "-f", id))
		f.says(t, "line 1\n")
		must("stop", id)
		if code := f.ends(t, 10*time.Second); code != 0 || !strings.HasSuffix(f.output.String(), "terminated\n") {
			t.Errorf("the end of the task: %d, %s", code, f.output)
		}
	})
	t.Run("stop in the middle of which comes Ctrl-C", func(t *testing.T) {
		must("run", file(t, "stubborn.json", strings.ReplaceAll(stubborn, "stubborn:test", "counter:test")))
		f := start(t, command("stop", "stubborn"))
		berthtest.Eventually(t, 10*time.Second, "the task is to stop", func() bool {
			return !slices.ContainsFunc(ps(t, data), func(task task) bool { return task.Definition == "stubborn:1" })
		})
		f.signal(t, syscall.SIGINT)
		if code := f.ends(t, 2*time.Second); code != 130 {
			t.Errorf("it ended with %d", code)
		}
		f.says(t, "the tasks go on stopping; `")
		if out := must("stop", "--detach", "stubborn"); !strings.Contains(out, " RUNNING\n") && !strings.Contains(out, " STOPPING\n") && !strings.Contains(out, " DEACTIVATING\n") {
			t.Errorf("stop --detach: %s", out)
		}
		verb("stop", "main").refused(t, 1, `there is no task or family "main"`)
	})
	t.Run("image", func(t *testing.T) {
		var names []string
		for _, i := range decode[[]struct {
			Name string `json:"name"`
		}](t, verb("image", "ls", "--output", "json")) {
			names = append(names, i.Name)
		}
		if got := fmt.Sprint(names); got != "[docker.io/berth/hello:latest docker.io/library/counter:test]" {
			t.Errorf("the images are %s", got)
		}
		if out := must("image", "rm", "counter:test"); out != "counter:test removed\n" {
			t.Errorf("image rm: %s", out)
		}
		verb("image", "rm", "counter:test").refused(t, 1, "berth: no image is named counter:test; `berth image ls` lists them")
		archive, err := os.Open(counter)
		if err != nil {
			t.Fatal(err)
		}
		defer archive.Close()
		cmd := command("image", "import", "-")
		cmd.Stdin = archive
		if c := run(t, cmd); !strings.Contains(c.stdout, "docker.io/library/counter:test") {
			t.Errorf("import of standard input: %+v", c)
		}
	})
	t.Run("env", func(t *testing.T) {
		env := run(t, exec.Command("sh", "-c", `eval "$("$1" --data-dir "$2" env)"; env`, "sh", berthtest.Program(t, "berth"), data)).stdout
		dotenv, github := must("env", "--format", "dotenv"), must("env", "--format", "github")
		for line := range strings.Lines(dotenv) {
			if !strings.Contains(env, line) || !strings.Contains(github, line) {
				t.Errorf("%s is not in what the shell has got, or not in GitHub's:\n%s\n%s", line, env, github)
			}
		}
		if strings.Count(dotenv, "\n") != 5 || !strings.Contains(dotenv, "AWS_REGION=eu-west-1\n") {
			t.Errorf("the variables are\n%s", dotenv)
		}
		stale := exec.Command("sh", "-c", `eval "$("$1" --data-dir "$2" env)"; env | grep -c 'stale'`, "sh", berthtest.Program(t, "berth"), data)
		stale.Env = append(os.Environ(), "AWS_PROFILE=stale", "AWS_DEFAULT_PROFILE=stale", "AWS_SESSION_TOKEN=stale", "AWS_SECURITY_TOKEN=stale",
			"AWS_REGION=stale", "AWS_ENDPOINT_URL=stale", "AWS_ACCESS_KEY_ID=stale", "AWS_SECRET_ACCESS_KEY=stale", "AWS_DEFAULT_REGION=stale")
		if out := run(t, stale).stdout; strings.TrimSpace(out) != "0" {
			t.Errorf("%s stale variables are left", strings.TrimSpace(out))
		}
		if !strings.Contains(must("ps", "--output", "json"), "arn:aws:ecs:eu-west-1:123456789012:task/default/") {
			t.Error("the tasks are of another account or region")
		}
	})
	t.Run("clusters", func(t *testing.T) {
		verb("ps", "--cluster", "nosuch").refused(t, 1, "there is no cluster nosuch in eu-west-1")
		must("run", "hello-web", "--cluster", "staging", "--print", "url")
		if rows := ps(t, data, "--cluster", "staging"); len(rows) != 1 {
			t.Errorf("the cluster's tasks are %v", rows)
		}
	})
	t.Run("run of an image in a registry that hangs", func(t *testing.T) {
		if code := hangs.ends(t, 40*time.Second); code != 1 {
			t.Errorf("it ended with %d", code)
		}
		call{stderr: hangs.output.String(), code: 1}.refused(t, 1, "(hangs:1) stopped: CannotPullContainerError", hanging+"/image", "timeout awaiting response headers")
	})
}

// job is a task definition of a container that counts: LINES, MILLISECONDS, EXIT.
func job(family string, args ...string) string {
	return fmt.Sprintf(`{"family": %q, "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
  "executionRoleArn": "arn:aws:iam::000000000000:role/exec",
  "containerDefinitions": [{"name": "main", "image": "counter:test", "essential": true, "command": ["%s"], "stopTimeout": 2,
    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/cli", "awslogs-region": "eu-west-1",
      "awslogs-stream-prefix": "t", "awslogs-create-group": "true"}}}]}`, family, strings.Join(args, `", "`))
}
