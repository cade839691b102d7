package exec_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/xtaci/smux"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
	"github.com/berth-dev/berth/internal/agent/exec"
	"github.com/berth-dev/berth/internal/execstream"
)

const (
	taskID  = "0123456789abcdef0123456789abcdef"
	taskARN = "arn:aws:ecs:us-east-1:000000000000:task/default/" + taskID
)

// serve runs a container that behaves so and a session into it, and returns the control plane's end of its stream.
func serve(t *testing.T, b fake.Behaviour, m acs.BerthSessionMessage) (context.Context, execstream.Conn, *fake.Machine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	machine := fake.NewMachine()
	machine.Script("image", b)
	e := machine.Engine()
	for _, step := range []func() error{
		func() error { _, err := e.PullImage(ctx, engine.PullRequest{Reference: "image"}, nil); return err },
		func() error { return e.CreateTask(ctx, engine.TaskSpec{Task: taskID}) },
		func() error {
			return e.CreateContainer(ctx, taskID, engine.ContainerSpec{Name: "web", Image: "image"})
		},
		func() error { return e.StartContainer(ctx, taskID, "web") },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	m.SessionId, m.TaskArn, m.ContainerName = "s-1", taskARN, "web"
	server := &exec.Server{Engine: e, Log: slog.New(slog.DiscardHandler)}
	served := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(served)
		socket, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		server.Serve(ctx, m, execstream.New(socket))
	}))
	t.Cleanup(web.Close)
	socket, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(web.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := execstream.New(socket)
	t.Cleanup(func() { c.Break(); <-served })
	return ctx, c, machine
}

// shell prints how it was started, then each line that it reads; "exit N" ends it.
func shell(_ context.Context, c fake.Command) int {
	fmt.Fprintf(c.Stdout, "%v tty=%v user=%s %dx%d\n", c.Cmd, c.TTY, c.User, c.Size.Width, c.Size.Height)
	lines := bufio.NewScanner(c.Stdin)
	for lines.Scan() {
		var code int
		if n, _ := fmt.Sscanf(lines.Text(), "exit %d", &code); n == 1 {
			return code
		}
		if lines.Text() == "size" {
			fmt.Fprintln(c.Stdout, <-c.Sizes)
			continue
		}
		fmt.Fprintln(c.Stdout, lines.Text())
	}
	return 0
}

type conversation struct {
	*testing.T
	ctx context.Context
	c   execstream.Conn
	got string
}

func (c *conversation) send(k execstream.Kind, body string) {
	c.Helper()
	if err := c.c.Send(c.ctx, k, []byte(body)); err != nil {
		c.Fatal(err)
	}
}

func (c *conversation) expect(text string) {
	c.Helper()
	for !strings.HasPrefix(c.got, text) {
		kind, body, err := c.c.Receive(c.ctx)
		if err != nil || kind != execstream.Stdout {
			c.Fatalf("frame %d %q, %v after %q; want %q", kind, body, err, c.got, text)
		}
		c.got += string(body)
	}
	c.got = strings.TrimPrefix(c.got, text)
}

func (c *conversation) expectEnd(want execstream.End) {
	c.Helper()
	for {
		kind, body, err := c.c.Receive(c.ctx)
		if err != nil {
			c.Fatal(err)
		}
		if kind == execstream.Ended {
			end, err := execstream.Value[execstream.End](body)
			if err != nil || end.ExitCode != want.ExitCode || !strings.Contains(end.Error, want.Error) || (end.Error == "") != (want.Error == "") {
				c.Fatalf("ended with %+v, %v; want %+v", end, err, want)
			}
			return
		}
	}
}

func TestACommandHasATerminalAndTellsItsEnd(t *testing.T) {
	ctx, stream, _ := serve(t, fake.Behaviour{Exec: shell}, acs.BerthSessionMessage{Type: acs.BerthSessionTypeExec, Command: []string{"sh", "-i"}})
	c := &conversation{T: t, ctx: ctx, c: stream}
	c.send(execstream.Start, `{"width":80,"height":24}`)
	c.expect("[sh -i] tty=true user=0 80x24\n")
	c.send(execstream.Stdin, "hello\n")
	c.expect("hello\n")
	c.send(execstream.Resize, `{"width":132,"height":43}`)
	c.send(execstream.Stdin, "size\n")
	c.expect("{132 43}\n")
	c.send(execstream.Stdin, "exit 7\n")
	c.expectEnd(execstream.End{ExitCode: 7})
}

func TestWhatCannotBeExecutedIsTold(t *testing.T) {
	ctx, stream, _ := serve(t, fake.Behaviour{ExecFails: func([]string) string { return "no such file" }}, acs.BerthSessionMessage{Type: acs.BerthSessionTypeExec, Command: []string{"nosuch"}})
	c := &conversation{T: t, ctx: ctx, c: stream}
	c.send(execstream.Start, `{"width":80,"height":24}`)
	c.expectEnd(execstream.End{Error: "no such file"})
}

func TestASessionEndsWithItsContainer(t *testing.T) {
	ctx, stream, machine := serve(t, fake.Behaviour{Exec: shell}, acs.BerthSessionMessage{Type: acs.BerthSessionTypeExec, Command: []string{"sh"}})
	c := &conversation{T: t, ctx: ctx, c: stream}
	c.send(execstream.Start, `{"width":80,"height":24}`)
	c.expect("[sh] ")
	machine.Exit(taskID, "web", 0)
	c.expectEnd(execstream.End{ExitCode: 137})
}

func TestACommandEndsWithItsClient(t *testing.T) {
	gone := make(chan struct{})
	ctx, stream, _ := serve(t, fake.Behaviour{Exec: func(ctx context.Context, c fake.Command) int {
		defer close(gone)
		return shell(ctx, c)
	}}, acs.BerthSessionMessage{Type: acs.BerthSessionTypeExec, Command: []string{"sh"}})
	c := &conversation{T: t, ctx: ctx, c: stream}
	c.send(execstream.Start, `{"width":80,"height":24}`)
	c.expect("[sh] ")
	stream.Break()
	select {
	case <-gone:
	case <-ctx.Done():
		t.Fatal("the command goes on")
	}
}

func TestConnectionsAreForwardedSideBySide(t *testing.T) {
	upper := func(c net.Conn) {
		defer c.Close()
		lines := bufio.NewScanner(c)
		for lines.Scan() {
			fmt.Fprintln(c, strings.ToUpper(lines.Text()))
		}
	}
	ctx, stream, _ := serve(t, fake.Behaviour{Serves: map[string]func(net.Conn){"127.0.0.1:80": upper}}, acs.BerthSessionMessage{Type: acs.BerthSessionTypePort, Port: 80})
	if err := stream.Send(ctx, execstream.Start, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	config := smux.DefaultConfig()
	config.KeepAliveDisabled = true
	mux, err := smux.Client(&client{ctx: ctx, Conn: stream}, config)
	if err != nil {
		t.Fatal(err)
	}
	defer mux.Close()
	var open []*smux.Stream
	for i := range 3 {
		s, err := mux.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, s)
		fmt.Fprintf(s, "connection %d\n", i)
	}
	for i, s := range open {
		want := fmt.Sprintf("CONNECTION %d\n", i)
		if got, err := bufio.NewReader(s).ReadString('\n'); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

// client is the client's end of a stream of connections.
type client struct {
	execstream.Conn
	ctx  context.Context
	rest []byte
}

func (c *client) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		kind, body, err := c.Receive(c.ctx)
		if err != nil || kind != execstream.Stdout {
			return 0, io.EOF
		}
		c.rest = body
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *client) Write(p []byte) (int, error) {
	return len(p), c.Send(c.ctx, execstream.Stdin, p)
}

func (c *client) Close() error { return nil }
