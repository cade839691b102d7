package tasks

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/test/berthtest"
)

// TestWhyTasksEnded asks `berth why` about tasks that ended in different ways, before and after a SIGKILL.
func TestWhyTasksEnded(t *testing.T) {
	w := start(t)
	unpulled := logged(container("main"))
	unpulled.Image = aws.String("127.0.0.1:1/none:1")
	uncommanded := container("main")
	uncommanded.EntryPoint = []string{"/nope"}
	ungrouped := logged(container("main"), "awslogs-group", "/none", "awslogs-create-group", "false")
	lasting := logged(checked(container("main", "run"), "CMD", "/main", "exit", "0")) // it hears a signal by the time that it is healthy
	type ending struct {
		task       types.Task
		verdict    string // how it goes on after the definition
		says, next string // in the cause, and in one of the next steps
	}
	endings := map[string]*ending{
		"exit code":     {w.one(fargate(lasting, logged(waitsFor(container("other", "exit", "5"), "main", "HEALTHY"))), "STOPPED"), "ran for *: essential container other exited with code 5 (*).", "container other ended with a failure", "berth logs"},
		"unlogged":      {w.one(onEC2(types.NetworkModeHost, container("main", "exit", "3")), "STOPPED"), "ran for *: essential container main exited with code 3 (*).", "a failure of its own", "logConfiguration"},
		"out of memory": {w.one(onEC2(types.NetworkModeHost, logged(container("main", "hog", "200"))), "STOPPED"), "ran for *: container main: OutOfMemoryError: *.", "used up its memory (64 MiB)", "raise memory"},
		"no image":      {w.one(fargate(unpulled), "STOPPED"), "never ran: container main: CannotPullContainerError: *.", "was not reached", "https://127.0.0.1:1/v2/"},
		"no command":    {w.one(fargate(uncommanded), "STOPPED"), "never ran: container main: CannotStartContainerError: *.", "no such program", "entryPoint"},
		"no log group":  {w.one(fargate(ungrouped), "STOPPED"), "never ran: ResourceInitializationError: *.", "log group", "--log-group-name /none"},
	}
	deaf := w.one(fargate(logged(container("main", "deaf"))), "RUNNING")
	w.printed(deaf, "main", 1)
	if _, err := w.ecs.StopTask(t.Context(), &ecs.StopTaskInput{Task: deaf.TaskArn, Reason: aws.String("new release")}); err != nil {
		t.Fatal(err)
	}
	endings["stopped"] = &ending{w.until("STOPPED", deaf), "ran for *: told to stop: new release.", "did not end on SIGTERM", "stopTimeout"}

	check := func(t *testing.T) {
		for name, e := range endings {
			arn := aws.ToString(e.task.TaskArn)
			for _, as := range []string{id(e.task), id(e.task)[:12], arn, "default/" + id(e.task)} {
				first, rest, _ := strings.Cut(w.Run("why", as), "\n")
				want := "Task " + id(e.task)[:12] + " (" + definitionOf(e.task) + ") " + e.verdict
				if !matches(want, first) || !strings.Contains(rest, e.says) {
					t.Errorf("%s, as %s: %q, %q; want %q, %q", name, as, first, rest, want, e.says)
				}
			}
			var told struct {
				TaskARN, StopCode, StoppedReason string
				Next                             []string
				Timeline                         []struct{ At time.Time }
				Containers                       []struct{ Log struct{ Lines []string } }
			}
			if err := json.Unmarshal([]byte(w.Run("why", arn, "--output", "json")), &told, json.MatchCaseInsensitiveNames(true)); err != nil {
				t.Fatal(err)
			}
			if told.TaskARN != arn || told.StopCode != string(e.task.StopCode) || told.StoppedReason != aws.ToString(e.task.StoppedReason) ||
				!strings.Contains(strings.Join(told.Next, "\n"), e.next) || len(told.Timeline) < 4 || len(told.Containers) != len(e.task.Containers) {
				t.Errorf("%s as JSON: %+v", name, told)
			}
			if name == "stopped" && strings.Join(told.Containers[0].Log.Lines, "|") != "deaf" {
				t.Errorf("it printed %q", told.Containers[0].Log.Lines)
			}
		}
	}
	t.Run("while Berth runs", check)
	before := w.Run("events", "--output", "json")
	if all := w.Run("events", "--after", "0", "--output", "json"); all != before {
		t.Errorf("all events are %s, the last hundred %s", all, before)
	}
	if none := w.Run("events", "--last", "0"); none != "" {
		t.Errorf("the last 0 events are %s", none)
	}
	time.Sleep(100 * time.Millisecond) // for the last changes to be on disk
	w.Kill()
	w.Launch()
	w.AwaitReady()
	t.Run("after a SIGKILL", check)
	if after := w.Run("events", "--output", "json"); !strings.HasPrefix(after, before) {
		t.Errorf("events before the SIGKILL:\n%s\nafter it:\n%s", before, after)
	}
	berthtest.Eventually(t, 10*time.Second, "a launch that finds no room is explained", func() bool {
		big := onEC2(types.NetworkModeHost, container("main", "exit", "0"))
		big.ContainerDefinitions[0].Memory = aws.Int32(64 << 20)
		out, err := w.ecs.RunTask(t.Context(), w.request(big))
		return err == nil && len(out.Failures) == 1 && strings.HasPrefix(w.Run("why"), "No machine had room for the task of "+aws.ToString(big.Family)+":")
	})
}

func definitionOf(task types.Task) string {
	arn := aws.ToString(task.TaskDefinitionArn)
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

// matches tells whether a text is a pattern with something in place of each star.
func matches(pattern, text string) bool {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".+") + "$").MatchString(text)
}
