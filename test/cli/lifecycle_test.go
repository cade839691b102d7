package cli

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/test/berthtest"
)

// task is a task as `berth ps` shows it.
type task struct {
	Task       string            `json:"task"`
	ARN        string            `json:"taskArn"`
	Definition string            `json:"taskDefinition"`
	Status     string            `json:"lastStatus"`
	Containers map[string]string `json:"containers"`
	Stopped    string            `json:"stopped"`
	URLs       []string          `json:"urls"`
}

const helloWeb = "../../examples/hello-web/task-definition.json"

// stubborn is a task definition whose container ignores SIGTERM for as long as its stopTimeout.
const stubborn = `{"family": "stubborn", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
  "containerDefinitions": [{"name": "main", "image": "stubborn:test", "essential": true, "command": ["0", "1000", "0", "stubborn"], "stopTimeout": 60}]}`

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// dev is `berth dev` in the foreground, ready.
func dev(t *testing.T, data string, args ...string) *foreground {
	t.Helper()
	cmd := exec.Command(berthtest.Program(t, "berth"), append([]string{"--data-dir", data, "dev", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	f := start(t, cmd)
	f.says(t, "answers at")
	return f
}

func (f *foreground) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := f.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func ps(t *testing.T, data string, args ...string) []task {
	t.Helper()
	return decode[[]task](t, berth(t, append([]string{"--data-dir", data, "ps", "--output", "json"}, args...)...))
}

// instanceOf is the id of the data directory's instance.
func instanceOf(t *testing.T, data string) string {
	t.Helper()
	in, err := instance.Find(data)
	if err != nil {
		t.Fatal(err)
	}
	return in.ID
}

func TestTheEndOfTheForeground(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		end  func(t *testing.T, data string, f *foreground)
		kept bool
	}{
		"Ctrl-C":       {end: func(t *testing.T, _ string, f *foreground) { f.signal(t, syscall.SIGINT) }},
		"SIGTERM":      {end: func(t *testing.T, _ string, f *foreground) { f.signal(t, syscall.SIGTERM) }},
		"the terminal": {end: func(t *testing.T, _ string, f *foreground) { f.signal(t, syscall.SIGHUP) }},
		"two at once, as timeout sends them": {end: func(t *testing.T, _ string, f *foreground) {
			f.signal(t, syscall.SIGTERM)
			f.says(t, "stopping")
			f.signal(t, syscall.SIGTERM)
		}},
		"berth down":                     {end: func(t *testing.T, data string, _ *foreground) { berth(t, "--data-dir", data, "down") }},
		"berth down --keep-tasks":        {end: func(t *testing.T, data string, _ *foreground) { berth(t, "--data-dir", data, "down", "--keep-tasks") }, kept: true},
		"Ctrl-C of dev --keep-tasks":     {args: []string{"--keep-tasks"}, end: func(t *testing.T, _ string, f *foreground) { f.signal(t, syscall.SIGINT) }, kept: true},
		"berth down of dev --keep-tasks": {args: []string{"--keep-tasks"}, end: func(t *testing.T, data string, _ *foreground) { berth(t, "--data-dir", data, "down") }, kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			data := place(t)
			f := dev(t, data, test.args...)
			if c := berth(t, "--data-dir", data, "run", helloWeb, "--count", "2"); c.code != 0 {
				t.Fatal(c.stderr)
			}
			before := ps(t, data)
			test.end(t, data, f)
			if code := f.ends(t, 15*time.Second); code != 0 {
				t.Errorf("it ended with %d: %s", code, f.output)
			}
			left := berthtest.TaskLeftovers(t, instanceOf(t, data))
			if (len(left) > 0) != test.kept {
				t.Errorf("of its tasks there is left: %v", left)
			}
			dev(t, data)
			after := ps(t, data)
			if test.kept && !slices.EqualFunc(before, after, func(a, b task) bool { return a.ARN == b.ARN && a.Status == b.Status }) {
				t.Errorf("before %v, after %v", before, after)
			}
			if !test.kept && len(after) > 0 {
				t.Errorf("after the end there still is %v", after)
			}
		})
	}
}

func TestASecondCtrlCEndsAtOnce(t *testing.T) {
	data := place(t)
	f := dev(t, data)
	berth(t, "--data-dir", data, "image", "import", berthtest.Archive(t, "stubborn:test", "./test/berthtest/counter"))
	if c := berth(t, "--data-dir", data, "run", file(t, "stubborn.json", stubborn)); c.code != 0 {
		t.Fatal(c.stderr)
	}
	running := ps(t, data)[0]
	f.signal(t, syscall.SIGINT)
	f.says(t, "stopping 1 task (Ctrl-C again leaves them to the next start)")
	time.Sleep(600 * time.Millisecond) // one that comes sooner is an echo of the first
	began := time.Now()
	f.signal(t, syscall.SIGINT)
	if code := f.ends(t, 5*time.Second); code != 130 || time.Since(began) > time.Second {
		t.Errorf("it ended with %d after %s: %s", code, time.Since(began), f.output)
	}
	if left := berthtest.TaskLeftovers(t, instanceOf(t, data)); len(left) == 0 {
		t.Error("the task was not left to the next start")
	}
	dev(t, data)
	all := ps(t, data, "-a")
	if len(all) != 1 || all[0].ARN != running.ARN {
		t.Errorf("the next start has %v, not %s", all, running.ARN)
	}
}

// TestAReaderThatEndsFirst: what reads the output of dev, as `berth dev | tee log` does, may end at the same Ctrl-C.
func TestAReaderThatEndsFirst(t *testing.T) {
	data := place(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(berthtest.Program(t, "berth"), "--data-dir", data, "dev", "--listen", "127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if c := berth(t, "--data-dir", data, "wait", "ready"); c.code != 0 {
		t.Fatal(c.stderr)
	}
	if c := berth(t, "--data-dir", data, "run", helloWeb); c.code != 0 {
		t.Fatal(c.stderr)
	}
	r.Close()
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("berth dev: %v", err)
	}
	if left := berthtest.TaskLeftovers(t, instanceOf(t, data)); len(left) > 0 {
		t.Errorf("its end was cut short: there is left %v", left)
	}
}

func TestCleanAfterAKill(t *testing.T) {
	data := place(t)
	f := dev(t, data)
	if c := berth(t, "--data-dir", data, "run", helloWeb, "--count", "3"); c.code != 0 {
		t.Fatal(c.stderr)
	}
	f.signal(t, syscall.SIGKILL)
	f.ends(t, 5*time.Second)
	id := instanceOf(t, data)
	if len(berthtest.TaskLeftovers(t, id)) == 0 {
		t.Fatal("the tasks died with it")
	}
	c := berth(t, "--data-dir", data, "clean")
	if c.code != 0 || !strings.Contains(c.stdout, data) {
		t.Errorf("berth clean: %+v", c)
	}
	if left := berthtest.Leftovers(t, id); len(left) > 0 {
		t.Errorf("there is left %v", left)
	}
	for _, path := range []string{data, data + ".log"} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left (%v)", path, err)
		}
	}
}
