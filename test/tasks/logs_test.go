package tasks

import (
	"fmt"
	"os"
	"path/filepath"
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
			got := w.output(task, "main").ends("end")
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
		before := 0
		for _, line := range w.output(task, "main").ends("line 200000") {
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

// TestOutputWaitsForBerth has a container print more than its spool holds while nobody ships it: it waits, and goes on.
func TestOutputWaitsForBerth(t *testing.T) {
	const lines, length = 90000, 1000
	w := start(t)
	task := w.one(fargate(named("main", "8080")), "RUNNING")
	w.serving(task)
	at := w.publicIP(task) + ":8080"
	w.Kill()
	printed := make(chan error, 1)
	go func() {
		_, err := tryAsk(t.Context(), at, "print", "lines", fmt.Sprint(lines), "length", fmt.Sprint(length))
		printed <- err
	}()
	spool := filepath.Join(w.Dir, "agent", "tasks", id(task), "spool", "main")
	berthtest.Eventually(t, 20*time.Second, "the spool is full", func() bool { return sizeOf(t, spool) > 55<<20 })
	select {
	case err := <-printed:
		t.Errorf("the container did not have to wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if size := sizeOf(t, spool); size > 80<<20 {
		t.Errorf("the spool holds %d bytes", size)
	}
	w.Restart()
	if err := <-printed; err != nil {
		t.Fatal(err)
	}
	got := w.printed(task, "main", lines+1)
	for i, line := range got[1:] {
		if !strings.HasPrefix(line, fmt.Sprintf("line %d x", i+1)) || len(line) < length {
			t.Fatalf("line %d is %.80q", i+1, line)
		}
	}
}

// sizeOf is what the files in a directory hold.
func sizeOf(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
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
		} else {
			w.stream("/unnamed", got[0]).ends("m")
		}
	})
	t.Run("a group that is deleted under a task is made again", func(t *testing.T) {
		w := w.in(t)
		c := logged(container("main", "run"), "awslogs-group", "/deleted")
		task := w.one(fargate(c), "RUNNING")
		w.stream("/deleted", "t/main/"+id(task)).ends("running")
		if _, err := w.logs.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/deleted")}); err != nil {
			t.Fatal(err)
		}
		w.exited(w.stop(task), "main", 0)
		w.stream("/deleted", "t/main/"+id(task)).ends("terminated")
	})
}
