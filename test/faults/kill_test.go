// Package faults kills Berth's processes while containers run and checks what DESIGN promises: what should run goes on
// with the same id, every acknowledged write is there, no log line is lost or doubled, and nothing is left over.
package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/test/berthtest"
)

const counterImage = "counter:test"

// definition is a task definition of one container that counts, logging to /faults.
func definition(family string, command ...string) string {
	quoted := []string{}
	for _, c := range command {
		quoted = append(quoted, fmt.Sprintf("%q", c))
	}
	return fmt.Sprintf(`{
  "family": %q, "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
  "executionRoleArn": "arn:aws:iam::000000000000:role/exec",
  "containerDefinitions": [{"name": "main", "image": %q, "essential": true, "command": [%s], "stopTimeout": 2,
    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/faults", "awslogs-region": "us-east-1",
      "awslogs-stream-prefix": "t", "awslogs-create-group": "true"}}}]
}`, family, counterImage, strings.Join(quoted, ", "))
}

type task struct {
	TaskArn       string `json:"taskArn"`
	LastStatus    string `json:"lastStatus"`
	StoppedReason string `json:"stoppedReason"`
	StopCode      string `json:"stopCode"`
	Containers    []struct {
		RuntimeID string `json:"runtimeId"`
		ExitCode  *int   `json:"exitCode"`
		Reason    string `json:"reason"`
	} `json:"containers"`
}

// world is a Berth with the counter's image and two families: one that counts for ever, one that ends.
type world struct {
	*berthtest.Berth
	t *testing.T
}

func start(t *testing.T, args ...string) world {
	t.Helper()
	w := world{berthtest.Start(t, args...), t}
	w.Run("image", "import", berthtest.Archive(t, counterImage, "./test/berthtest/counter"))
	w.AWS(nil, "ecs", "create-cluster", "--cluster-name", "default")
	w.AWS(nil, "ecs", "register-task-definition", "--cli-input-json", definition("forever", "0", "5"))
	w.AWS(nil, "ecs", "register-task-definition", "--cli-input-json", definition("ends", "100", "5", "3"))
	return w
}

// run starts tasks of a family and returns their ARNs.
func (w world) run(family string, count int) []string {
	w.t.Helper()
	var answer struct {
		Tasks    []task `json:"tasks"`
		Failures []struct{ Reason string }
	}
	w.AWS(&answer, "ecs", "run-task", "--task-definition", family, "--count", fmt.Sprint(count), "--launch-type", "FARGATE",
		"--network-configuration", "awsvpcConfiguration={subnets=["+w.subnet()+"]}")
	var arns []string
	for _, t := range answer.Tasks {
		arns = append(arns, t.TaskArn)
	}
	if len(arns) != count {
		w.t.Fatalf("run-task of %d %s: %d started, failures %v", count, family, len(arns), answer.Failures)
	}
	return arns
}

func (w world) subnet() string {
	var answer struct{ Subnets []struct{ SubnetId string } }
	w.AWS(&answer, "ec2", "describe-subnets")
	if len(answer.Subnets) == 0 {
		w.t.Fatal("there is no default subnet")
	}
	return answer.Subnets[0].SubnetId
}

func (w world) describe(arns []string) map[string]task {
	w.t.Helper()
	var answer struct{ Tasks []task }
	w.AWS(&answer, append([]string{"ecs", "describe-tasks", "--tasks"}, arns...)...)
	tasks := map[string]task{}
	for _, t := range answer.Tasks {
		tasks[t.TaskArn] = t
	}
	return tasks
}

// until waits until all tasks have a status.
func (w world) until(status string, arns []string) map[string]task {
	w.t.Helper()
	var tasks map[string]task
	berthtest.Eventually(w.t, time.Minute, "every task is "+status, func() bool {
		tasks = w.describe(arns)
		for _, arn := range arns {
			if tasks[arn].LastStatus != status {
				return false
			}
		}
		return true
	})
	return tasks
}

// lines returns what a task's container logged.
func (w world) lines(arn string) []string {
	w.t.Helper()
	var answer struct{ Events []struct{ Message string } }
	w.AWS(&answer, "logs", "filter-log-events", "--log-group-name", "/faults", "--log-stream-names", "t/main/"+arn[strings.LastIndex(arn, "/")+1:])
	var lines []string
	for _, e := range answer.Events {
		lines = append(lines, e.Message)
	}
	return lines
}

// checkLines fails unless the lines are line 1, line 2, ... without a gap, a repetition or a change of order.
func (w world) checkLines(arn string, atLeast int) {
	w.t.Helper()
	lines := w.lines(arn)
	if n := len(lines); n > 0 && lines[n-1] == "terminated" {
		lines = lines[:n-1]
	}
	for i, line := range lines {
		if want := fmt.Sprintf("line %d", i+1); line != want {
			w.t.Fatalf("%s: log line %d is %q, want %q", arn, i+1, line, want)
		}
	}
	if len(lines) < atLeast {
		w.t.Errorf("%s: %d log lines, want %d at least", arn, len(lines), atLeast)
	}
}

// TestKilledAtRandomMoments kills the whole program while tasks start, run and stop.
func TestKilledAtRandomMoments(t *testing.T) {
	w := start(t)
	forever := w.run("forever", 3)
	before := w.until("RUNNING", forever)
	var ended, stopped []string
	for round := range 5 {
		fresh := w.run("ends", 2)
		ended = append(ended, fresh...)
		victim := w.run("forever", 1)[0]
		w.AWS(nil, "ecs", "stop-task", "--task", victim, "--reason", fmt.Sprintf("round %d", round))
		stopped = append(stopped, victim)
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond) // the moment is what is random here
		w.Kill()
		w.Restart()
	}
	for arn, got := range w.until("STOPPED", ended) {
		if c := got.Containers[0]; c.ExitCode == nil || *c.ExitCode != 3 {
			t.Errorf("%s ended with %+v (%s), want exit code 3", arn, c, got.StoppedReason)
		}
		w.checkLines(arn, 100)
	}
	for arn, got := range w.until("STOPPED", stopped) {
		if !strings.HasPrefix(got.StoppedReason, "round ") || got.StopCode != "UserInitiated" {
			t.Errorf("%s stopped with %q (%s), want the user's reason", arn, got.StoppedReason, got.StopCode)
		}
	}
	for arn, now := range w.until("RUNNING", forever) {
		if now.Containers[0].RuntimeID != before[arn].Containers[0].RuntimeID {
			t.Errorf("%s runs in another container than before", arn)
		}
	}
	w.Run("stop", "forever")
	w.until("STOPPED", forever)
	for _, arn := range forever {
		w.checkLines(arn, 100)
	}
	w.checkEvents(slices.Concat(ended, stopped, forever))
}

// checkEvents fails unless the state changes of each task are recorded in order, none twice, up to its end.
func (w world) checkEvents(arns []string) {
	w.t.Helper()
	type state struct {
		version int
		status  string
	}
	last, ids := map[string]state{}, map[string]bool{}
	read := func() {
		clear(last)
		clear(ids)
		for line := range strings.Lines(w.Run("events", "--last", "100000", "--output", "json")) {
			var e struct {
				Event struct {
					ID        string
					Resources []string
					Detail    struct {
						LastStatus string
						Version    int
					}
				}
			}
			if err := json.Unmarshal([]byte(line), &e, json.MatchCaseInsensitiveNames(true)); err != nil {
				w.t.Fatal(err)
			}
			arn, now := e.Event.Resources[0], state{e.Event.Detail.Version, e.Event.Detail.LastStatus}
			if before := last[arn]; now.version <= before.version || ids[e.Event.ID] {
				w.t.Errorf("%s: %+v comes after %+v", arn, now, before)
			}
			last[arn], ids[e.Event.ID] = now, true
		}
	}
	berthtest.Eventually(w.t, 10*time.Second, "the end of every task is recorded", func() bool {
		read()
		return !slices.ContainsFunc(arns, func(arn string) bool { return last[arn].status != "STOPPED" })
	})
}

// TestAProcessGroupKilledTakesNoTaskWithIt is what a supervisor that kills the group does.
func TestAProcessGroupKilledTakesNoTaskWithIt(t *testing.T) {
	w := start(t)
	arns := w.run("forever", 2)
	before := w.until("RUNNING", arns)
	w.KillGroup()
	w.Restart()
	for arn, now := range w.until("RUNNING", arns) {
		if now.Containers[0].RuntimeID != before[arn].Containers[0].RuntimeID {
			t.Errorf("%s runs in another container than before", arn)
		}
	}
}

// TestTasksLeftByDownAreAdopted ends the program in order, its tasks kept.
func TestTasksLeftByDownAreAdopted(t *testing.T) {
	w := start(t)
	arns := w.run("forever", 2)
	before := w.until("RUNNING", arns)
	w.Run("down", "--keep-tasks")
	<-w.Ended()
	w.Restart()
	for arn, now := range w.until("RUNNING", arns) {
		if now.Containers[0].RuntimeID != before[arn].Containers[0].RuntimeID {
			t.Errorf("%s runs in another container than before", arn)
		}
	}
}

// TestNothingIsLeftAfterClean kills the program while tasks run and looks for what `berth clean` left.
func TestNothingIsLeftAfterClean(t *testing.T) {
	w := start(t)
	w.until("RUNNING", w.run("forever", 2))
	in, err := instance.Find(w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	w.Kill()
	w.Run("clean")
	if left := berthtest.Leftovers(t, in.ID); len(left) > 0 {
		t.Errorf("left over: %s", strings.Join(left, "\n"))
	}
	if _, err := os.Stat(w.Dir); !os.IsNotExist(err) {
		t.Errorf("the data directory is still there: %v", err)
	}
}

// TestNothingIsLeftOfStoppedTasks ends tasks in order and by killing their shims, and compares with before.
func TestNothingIsLeftOfStoppedTasks(t *testing.T) {
	w := start(t)
	in, err := instance.Find(w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	w.until("STOPPED", w.run("ends", 1)) // makes what stays while Berth runs, such as the VPC
	berthtest.Eventually(t, 10*time.Second, "the first task is cleaned up", func() bool { return len(berthtest.TaskLeftovers(t, in.ID)) == 0 })
	before := berthtest.Leftovers(t, in.ID)

	arns := w.run("forever", 3)
	running := w.until("RUNNING", arns)
	for _, pid := range berthtest.ShimPIDs(t, in.ID, running[arns[0]].TaskArn) {
		berthtest.KillPID(t, pid)
	}
	lost := w.until("STOPPED", arns[:1])[arns[0]]
	if lost.StoppedReason == "" || lost.StopCode == "" {
		t.Errorf("the task whose shim was killed has stopped with no reason: %+v", lost)
	}
	w.AWS(nil, "ecs", "stop-task", "--task", arns[1])
	w.until("STOPPED", arns[:2])
	w.AWS(nil, "ecs", "stop-task", "--task", arns[2])
	w.until("STOPPED", arns)
	berthtest.Eventually(t, 10*time.Second, "nothing of the tasks is left", func() bool {
		return slices.Equal(before, berthtest.Leftovers(t, in.ID))
	})
}

// TestTheFirstAnswerAfterSIGKILLComes prints how long it takes from the start of the process until it is ready.
func TestTheFirstAnswerAfterSIGKILLComes(t *testing.T) {
	w := start(t)
	w.until("RUNNING", w.run("forever", 3))
	w.Kill()
	began := time.Now()
	w.Restart()
	t.Logf("ready %s after the start, three tasks adopted", time.Since(began))
}
