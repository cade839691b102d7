package tasks

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/test/berthtest"
)

// TestWhatContainersPrint looks for it in CloudWatch Logs.
func TestWhatContainersPrint(t *testing.T) {
	w := start(t)
	for name, c := range map[string]struct {
		command []string
		want    []string
	}{
		"lines":                        {[]string{"print", `one\ntwo\n`}, []string{"one", "two"}},
		"a last line without its end":  {[]string{"print", `one\ntwo`}, []string{"one", "two"}},
		"nothing but one without end":  {[]string{"print", `prompt> `}, []string{"prompt> "}},
		"empty lines, which AWS drops": {[]string{"print", `one\n\n\ntwo\n`}, []string{"one", "two"}},
		"bytes that are no text":       {[]string{"print", `a\xff\xfe\x80b\n\x00\x01\n\u00e9\n`}, []string{"a\ufffd\ufffd\ufffdb", "\x00\x01", "é"}},
		"carriage returns":             {[]string{"print", `50%\r100%\r\n`}, []string{"50%\r100%\r"}},
		"nothing":                      {[]string{"print", ""}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			task := w.one(fargate(logged(container("main", c.command...))), "STOPPED")
			w.exited(task, "main", 0)
			got := w.printed(task, "main", len(c.want))
			if strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("it logged %.300q, want %.300q", got, c.want)
			}
		})
	}
	for printed, want := range map[string]string{"x": "x", `\xff`: "\ufffd", `\x00`: "\x00", `\u20ac`: "€"} {
		t.Run("a line of 1,000,000 "+printed+", in several events", func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			task := w.one(fargate(logged(container("main", "long", "1000000", printed))), "STOPPED")
			w.exited(task, "main", 0)
			var got []string
			berthtest.Eventually(t, 20*time.Second, "it has logged the end", func() bool {
				got = w.events("/tasks", "t/main/"+id(task))
				return len(got) > 0 && got[len(got)-1] == "end"
			})
			if line := strings.Join(got[:len(got)-1], ""); line != strings.Repeat(want, 1000000) {
				t.Errorf("the line came as %d bytes in %d events: %.60q", len(line), len(got)-1, line)
			}
		})
	}
	for name, options := range map[string][]string{
		"blocking":     nil,
		"non-blocking": {"mode", "non-blocking", "max-buffer-size", "16m"},
	} {
		t.Run("50,000 lines at once, "+name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			task := w.one(fargate(logged(container("main", "count", "50000"), options...)), "STOPPED")
			w.exited(task, "main", 0)
			for i, line := range w.printed(task, "main", 50000) {
				if want := fmt.Sprintf("line %d", i+1); line != want {
					t.Fatalf("line %d is %q", i+1, line)
				}
			}
		})
	}
	t.Run("a buffer that is too small drops the oldest and lets the container go on", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		c := logged(container("main", "count", "200000"), "mode", "non-blocking", "max-buffer-size", "64k")
		task := w.one(fargate(c), "STOPPED")
		w.exited(task, "main", 0)
		var got []string
		berthtest.Eventually(t, 20*time.Second, "it has logged the last line", func() bool {
			got = w.events("/tasks", "t/main/"+id(task))
			return len(got) > 0 && got[len(got)-1] == "line 200000"
		})
		before := 0
		for _, line := range got {
			n, err := strconv.Atoi(strings.TrimPrefix(line, "line "))
			if err != nil || n <= before {
				t.Fatalf("after line %d comes %q", before, line)
			}
			before = n
		}
	})
	t.Run("both streams, in order", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		task := w.one(fargate(logged(container("main", "both"))), "STOPPED")
		w.exited(task, "main", 0)
		if got := w.printed(task, "main", 4); strings.Join(got, "|") != "out 1|err 1|out 2|err 2" {
			t.Errorf("it logged %q", got)
		}
	})
	t.Run("while it runs", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		task := w.one(fargate(logged(container("main", "run"))), "RUNNING")
		if got := w.printed(task, "main", 1); got[0] != "running" {
			t.Errorf("it logged %q", got)
		}
		w.stop(task)
		if got := w.printed(task, "main", 2); got[1] != "terminated" {
			t.Errorf("it logged %q", got)
		}
	})
}

// TestWhereLogsGo looks at groups and streams.
func TestWhereLogsGo(t *testing.T) {
	w := start(t)
	streams := func(t *testing.T, group string) (names []string) {
		t.Helper()
		out, err := w.logs.DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String(group)})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range out.LogStreams {
			names = append(names, aws.ToString(s.LogStreamName))
		}
		return names
	}
	t.Run("a group is made when the definition says so, with a stream for each container", func(t *testing.T) {
		w := w.in(t)
		side := logged(container("side", "print", "s"), "awslogs-group", "/made", "awslogs-stream-prefix", "other")
		side.Essential = aws.Bool(false)
		task := w.one(fargate(logged(container("main", "print", "m"), "awslogs-group", "/made"), side), "STOPPED")
		if got, want := strings.Join(streams(t, "/made"), " "), "other/side/"+id(task)+" t/main/"+id(task); got != want {
			t.Errorf("the streams are %s, want %s", got, want)
		}
	})
	t.Run("a group that is there is used", func(t *testing.T) {
		w := w.in(t)
		if _, err := w.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/there")}); err != nil {
			t.Fatal(err)
		}
		task := w.one(fargate(logged(container("main", "print", "m"), "awslogs-group", "/there", "awslogs-create-group", "false")), "STOPPED")
		w.exited(task, "main", 0)
		if got, want := streams(t, "/there"), "t/main/"+id(task); len(got) != 1 || got[0] != want {
			t.Errorf("the streams are %q, want %s", got, want)
		}
	})
	t.Run("in host mode and without a prefix too", func(t *testing.T) {
		w := w.in(t)
		c := logged(container("main", "print", "m"), "awslogs-group", "/unnamed")
		delete(c.LogConfiguration.Options, "awslogs-stream-prefix")
		task := w.one(onEC2(types.NetworkModeHost, c), "STOPPED")
		w.exited(task, "main", 0)
		if got := streams(t, "/unnamed"); len(got) != 1 || !strings.Contains(got[0], id(task)) {
			t.Errorf("the streams are %q", got)
		} else if events := w.events("/unnamed", got[0]); len(events) != 1 || events[0] != "m" {
			t.Errorf("it logged %q", events)
		}
	})
	t.Run("a group that is deleted under a task is made again", func(t *testing.T) {
		w := w.in(t)
		c := logged(container("main", "run"), "awslogs-group", "/deleted")
		task := w.one(fargate(c), "RUNNING")
		logs := func(want string) func() bool {
			return func() bool { return strings.Join(w.events("/deleted", "t/main/"+id(task)), "|") == want }
		}
		berthtest.Eventually(t, 5*time.Second, "it logs", logs("running"))
		if _, err := w.logs.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/deleted")}); err != nil {
			t.Fatal(err)
		}
		w.exited(w.stop(task), "main", 0)
		berthtest.Eventually(t, 5*time.Second, "it logs in the new group", logs("terminated"))
	})
}
