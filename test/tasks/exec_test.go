package tasks

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/berth-dev/berth/internal/ssm/client"
	"github.com/berth-dev/berth/test/berthtest"
)

// executable is a running task of one container in which commands may be executed.
func (w *world) executable(c types.ContainerDefinition) types.Task {
	w.t.Helper()
	in := w.request(fargate(c))
	in.EnableExecuteCommand = true
	return w.until("RUNNING", w.run(in)[0])
}

// execute opens a session that runs the probe's shell, as ECS Exec does.
func (w *world) execute(task types.Task) *types.Session {
	w.t.Helper()
	out, err := w.ecs.ExecuteCommand(w.t.Context(), &ecs.ExecuteCommandInput{Task: task.TaskArn, Command: aws.String("/main shell"), Interactive: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Session
}

// terminal is a session with a person at it.
type terminal struct {
	*client.Session
	t     *testing.T
	lines *bufio.Reader
}

// sit joins a session and waits until its shell is ready.
func (w *world) sit(s *types.Session) *terminal {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	w.t.Cleanup(cancel)
	joined, err := client.Join(ctx, client.Config{Access: client.Access{StreamURL: aws.ToString(s.StreamUrl), Token: aws.ToString(s.TokenValue)}, Version: "berth/test"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { joined.Close() })
	t := &terminal{Session: joined, t: w.t, lines: bufio.NewReader(joined)}
	t.until("ready")
	return t
}

func (t *terminal) line() string {
	t.t.Helper()
	line, err := t.lines.ReadString('\n')
	if err != nil {
		t.t.Fatalf("the session ended after %q: %v", line, err)
	}
	return strings.TrimRight(line, "\r\n")
}

// until reads on to a line.
func (t *terminal) until(line string) {
	t.t.Helper()
	for t.line() != line {
	}
}

func (t *terminal) say(line string) {
	t.t.Helper()
	if _, err := t.Write([]byte(line + "\r")); err != nil {
		t.t.Fatal(err)
	}
	t.until(line) // the terminal's echo
}

func TestExecuteCommand(t *testing.T) {
	w := start(t)
	t.Run("a shell", func(t *testing.T) {
		w := w.in(t)
		task := w.executable(container("web", "run", "0"))
		if a := task.Containers[0].ManagedAgents; len(a) != 1 || aws.ToString(a[0].LastStatus) != "RUNNING" || a[0].LastStartedAt == nil || !task.EnableExecuteCommand {
			t.Errorf("its managed agents are %+v", a)
		}
		s := w.sit(w.execute(task))
		s.say("whoami")
		s.until("uid=0")
		for _, size := range []string{"132x43", "80x24"} {
			var width, height int
			fmt.Sscanf(size, "%dx%d", &width, &height)
			if err := s.Resize(width, height); err != nil {
				t.Fatal(err)
			}
			berthtest.Eventually(t, 10*time.Second, "the terminal is "+size, func() bool {
				s.say("size")
				return s.line() == size
			})
		}
		s.say("exit 9")
		if _, err := io.Copy(io.Discard, s.lines); err != nil {
			t.Error(err)
		}
		if code, known := s.ExitCode(); code != 9 || !known {
			t.Errorf("it exited with %d, %v", code, known)
		}
	})
	t.Run("several sessions with much output", func(t *testing.T) {
		w := w.in(t)
		task := w.executable(container("web", "run", "0"))
		var sessions sync.WaitGroup
		for range 3 {
			s := w.sit(w.execute(task))
			sessions.Go(func() {
				const count = 20000
				s.say(fmt.Sprint("lines ", count))
				for n := 1; n <= count; n++ {
					if got, want := s.line(), fmt.Sprint("line ", n); got != want {
						t.Errorf("%q instead of %q", got, want)
						return
					}
				}
			})
		}
		sessions.Wait()
	})
	t.Run("the end of its container", func(t *testing.T) {
		w := w.in(t)
		task := w.executable(container("web", "run", "0"))
		s := w.sit(w.execute(task))
		w.stop(task)
		if _, err := io.Copy(io.Discard, s.lines); err != nil {
			t.Errorf("the session ends with %v", err)
		}
		_, err := w.ecs.ExecuteCommand(t.Context(), &ecs.ExecuteCommandInput{Task: task.TaskArn, Command: aws.String("/main shell"), Interactive: true})
		var refused *types.InvalidParameterException
		if !errors.As(err, &refused) {
			t.Errorf("a stopped task answers %v", err)
		}
	})
	t.Run("tokens", func(t *testing.T) {
		w := w.in(t)
		task := w.executable(container("web", "run", "0"))
		one, other := w.execute(task), w.execute(task)
		refused := func(what, url, token string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if s, err := client.Join(ctx, client.Config{Access: client.Access{StreamURL: url, Token: token}, Version: "berth/test"}); err == nil {
				s.Close()
				t.Errorf("%s opens a session", what)
			}
		}
		refused("a made-up token", aws.ToString(one.StreamUrl), "secret")
		refused("another's token", aws.ToString(one.StreamUrl), aws.ToString(other.TokenValue))
		w.sit(one)
		refused("a used token", aws.ToString(one.StreamUrl), aws.ToString(one.TokenValue))
	})
	t.Run("the log that the cluster asks for", func(t *testing.T) {
		w := w.in(t)
		task := w.executable(logged(container("web", "run", "0")))
		session := w.execute(task)
		s := w.sit(session)
		s.say("hello")
		s.until("you said hello")
		s.say("exit 0")
		berthtest.Eventually(t, 20*time.Second, "what was said is kept", func() bool {
			out, err := w.logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/tasks"), LogStreamName: session.SessionId})
			if err != nil {
				return false
			}
			var lines []string
			for _, e := range out.Events {
				lines = append(lines, aws.ToString(e.Message))
			}
			return slices.Contains(lines, "you said hello")
		})
	})
	t.Run("by hand", func(t *testing.T) {
		w := w.in(t)
		task := w.executable(container("web", "run", "0"))
		if out := w.Run("exec", id(task), "/main", "print", "hi\\n"); !strings.Contains(out, "hi") {
			t.Errorf("it prints %q", out)
		}
		if _, err := w.Try("exec", id(task), "/main", "exit", "0"); err != nil {
			t.Error(err)
		}
		if _, err := w.Try("exec", id(task), "/nosuch"); err == nil || !strings.Contains(err.Error(), "/nosuch") {
			t.Errorf("what is not there: %v", err)
		}
		plain := w.one(fargate(container("web", "run", "0")), "RUNNING")
		if _, err := w.Try("exec", id(plain), "/main"); err == nil || !strings.Contains(err.Error(), "enableExecuteCommand") {
			t.Errorf("a task that was run without: %v", err)
		}
	})
}

func TestPortForwarding(t *testing.T) {
	w := start(t)
	task := w.executable(container("web", "serve", "8090", "0"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	w.Background("port-forward", id(task), port+":8090")
	web := &http.Client{Timeout: 10 * time.Second}
	berthtest.Eventually(t, 20*time.Second, "the container answers on "+address, func() bool {
		answer, err := web.Get("http://" + address + "/")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return true
	})
	var connections sync.WaitGroup
	for range 10 {
		connections.Go(func() {
			answer, err := web.Get("http://" + address + "/")
			if err != nil {
				t.Error(err)
				return
			}
			answer.Body.Close()
		})
	}
	connections.Wait()
}
