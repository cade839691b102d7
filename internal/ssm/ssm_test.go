package ssm_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/berth-dev/berth/api/acs"
	api "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/execstream"
	"github.com/berth-dev/berth/internal/ssm"
	"github.com/berth-dev/berth/internal/ssm/client"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

const patience = 20 * time.Second

// world is a Session Manager with an agent that serves sessions as a test says.
type world struct {
	testing.TB
	ctx      context.Context
	url      string
	service  *ssm.Service
	serve    func(ctx context.Context, m acs.BerthSessionMessage, c execstream.Conn)
	absent   bool
	stranger bool

	mu    sync.Mutex
	lines []string
}

func newWorld(t testing.TB, serve func(ctx context.Context, m acs.BerthSessionMessage, c execstream.Conn)) *world {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	w := &world{TB: t, ctx: ctx, serve: serve}
	w.service = ssm.New(ssm.Config{Agents: w, Containers: w, Recorder: w, Endpoint: func() string { return w.url }, Log: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	w.service.Routes(mux.Handle, mux.Handle)
	server := httptest.NewServer(mux)
	w.url = server.URL
	t.Cleanup(server.Close)
	t.Cleanup(w.service.Close)
	return w
}

func (w *world) OpenSession(_ context.Context, _ store.Scope, _ string, m acs.BerthSessionMessage) error {
	if w.absent {
		return ssm.ErrNotConnected
	}
	go func() {
		socket, _, err := websocket.Dial(w.ctx, "ws"+strings.TrimPrefix(w.url, "http")+"/acs/session/"+m.SessionId, nil)
		if err != nil {
			return
		}
		c := execstream.New(socket)
		defer c.Break()
		w.serve(w.ctx, m, c)
	}()
	return nil
}

func (w *world) Find(context.Context, string) (ssm.Target, string, error) {
	return ssm.Target{}, "", nil
}
func (w *world) SpeaksFor(wire.Caller, string) bool { return !w.stranger }

func (w *world) Record(_ context.Context, _ store.Scope, _, _ string, lines []ssm.Line) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range lines {
		w.lines = append(w.lines, l.Text)
	}
	return nil
}

func (w *world) open(r ssm.Request) ssm.Opened {
	w.Helper()
	opened, err := w.service.Open(w.ctx, r)
	if err != nil {
		w.Fatal(err)
	}
	return opened
}

func (w *world) join(o ssm.Opened) *client.Session {
	w.Helper()
	s, err := client.Join(w.ctx, client.Config{Access: client.Access{StreamURL: o.StreamURL, Token: o.Token}, Version: ssm.OwnClient + "test",
		Resume: func(ctx context.Context) (client.Access, error) {
			return w.resume(ctx, o.ID)
		}})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { s.Close() })
	return s
}

func (w *world) resume(ctx context.Context, session string) (client.Access, error) {
	again, err := w.service.ResumeSession(ctx, &api.ResumeSessionRequest{SessionId: session})
	if err != nil {
		return client.Access{}, err
	}
	return client.Access{StreamURL: again.StreamUrl, Token: again.TokenValue}, nil
}

var shell = ssm.Request{Prefix: "test", Command: []string{"cat"}, Group: "/audit"}

// echo is a command that prints what it reads, up to a line that says how it ends.
func echo(ctx context.Context, m acs.BerthSessionMessage, c execstream.Conn) {
	for {
		kind, body, err := c.Receive(ctx)
		switch {
		case err != nil:
			return
		case kind == execstream.Stdin && string(body) == "exit\r":
			_ = c.SendValue(ctx, execstream.Ended, execstream.End{ExitCode: 7})
			c.Close("")
			return
		case kind == execstream.Stdin || kind == execstream.Resize:
			_ = c.Send(ctx, execstream.Stdout, append(bytes.ReplaceAll(body, []byte("\r"), []byte("\r\n")), '.'))
		}
	}
}

func (w *world) type_(s *client.Session, text string) {
	w.Helper()
	if _, err := s.Write([]byte(text)); err != nil {
		w.Fatal(err)
	}
}

func (w *world) expect(s *client.Session, text string) {
	w.Helper()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(s, got); err != nil || string(got) != text {
		w.Fatalf("got %q, %v; want %q", got, err, text)
	}
}

func TestASessionCarriesBothWaysAndTellsTheEnd(t *testing.T) {
	w := newWorld(t, echo)
	s := w.join(w.open(shell))
	w.type_(s, "hello\r")
	w.expect(s, "hello\r\n.")
	if err := s.Resize(132, 43); err != nil {
		t.Fatal(err)
	}
	w.expect(s, `{"width":132,"height":43}.`)
	w.type_(s, "exit\r")
	if rest, err := io.ReadAll(s); err != nil || len(rest) > 0 {
		t.Fatalf("after the end: %q, %v", rest, err)
	}
	if code, ok := s.ExitCode(); !ok || code != 7 {
		t.Fatalf("exit code %d, %v; want 7", code, ok)
	}
	w.service.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	if want := []string{"hello", `.{"width":132,"height":43}.`}; !slices.Equal(w.lines, want) {
		t.Errorf("kept %q, want %q", w.lines, want)
	}
}

func TestATokenOpensOneSessionOnce(t *testing.T) {
	w := newWorld(t, echo)
	first, second := w.open(shell), w.open(shell)
	refused := func(what, url, token string) {
		t.Helper()
		s, err := client.Join(w.ctx, client.Config{Access: client.Access{StreamURL: url, Token: token}, Version: "berth/test"})
		if err == nil {
			s.Close()
			t.Errorf("%s opens a session", what)
		} else if websocket.CloseStatus(err) != websocket.StatusPolicyViolation && !strings.Contains(err.Error(), "PolicyViolation") {
			t.Errorf("%s: %v; want a refusal", what, err)
		}
	}
	refused("another session's token", first.StreamURL, second.Token)
	refused("an empty token", first.StreamURL, "")
	refused("a session that never was", strings.Replace(first.StreamURL, first.ID, "test-0", 1), first.Token)
	s := w.join(first)
	refused("a token that was used", first.StreamURL, first.Token)
	w.type_(s, "still here")
	w.expect(s, "still here.")
}

func TestABrokenConnectionLosesAndRepeatsNothing(t *testing.T) {
	const size = 2 << 20
	output := make([]byte, size)
	rand.Read(output)
	w := newWorld(t, func(ctx context.Context, _ acs.BerthSessionMessage, c execstream.Conn) {
		if _, _, err := c.Receive(ctx); err != nil {
			return
		}
		for rest := output; len(rest) > 0; {
			n := min(len(rest), 32<<10)
			if c.Send(ctx, execstream.Stdout, rest[:n]) != nil {
				return
			}
			rest = rest[n:]
		}
		_ = c.SendValue(ctx, execstream.Ended, execstream.End{})
		_, _, _ = c.Receive(ctx)
	})
	opened := w.open(ssm.Request{Prefix: "test", Command: []string{"yes"}})
	proxied := cutting(t, w.url, 1500<<10)
	s, err := client.Join(w.ctx, client.Config{Access: client.Access{StreamURL: proxied(opened.StreamURL), Token: opened.Token}, Version: "berth/test",
		Resume: func(ctx context.Context) (client.Access, error) {
			again, err := w.resume(ctx, opened.ID)
			again.StreamURL = proxied(again.StreamURL)
			return again, err
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, output) {
		t.Fatalf("%d bytes of %d arrived, %v", len(got), size, err)
	}
}

func TestWhatTheAgentCannotDoIsTold(t *testing.T) {
	w := newWorld(t, func(ctx context.Context, _ acs.BerthSessionMessage, c execstream.Conn) {
		if _, _, err := c.Receive(ctx); err == nil {
			_ = c.SendValue(ctx, execstream.Ended, execstream.End{Error: "no such file: nosuchshell"})
			_, _, _ = c.Receive(ctx)
		}
	})
	s := w.join(w.open(shell))
	if _, err := io.ReadAll(s); err == nil || !strings.Contains(err.Error(), "nosuchshell") {
		t.Errorf("the session ends with %v", err)
	}
	w.absent = true
	if _, err := w.service.Open(w.ctx, shell); !errors.Is(err, ssm.ErrNotConnected) {
		t.Errorf("without an agent: %v", err)
	}
}

func TestAClientThatEndsTheSessionEndsTheCommand(t *testing.T) {
	ended := make(chan struct{})
	w := newWorld(t, func(ctx context.Context, m acs.BerthSessionMessage, c execstream.Conn) {
		defer close(ended)
		echo(ctx, m, c)
	})
	s := w.join(w.open(shell))
	w.type_(s, "x")
	w.expect(s, "x.")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-w.ctx.Done():
		t.Fatal("the agent's side goes on")
	}
}
