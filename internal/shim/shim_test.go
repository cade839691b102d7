package shim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// scripted is a Handler that remembers what it was asked.
type scripted struct {
	mu       sync.Mutex
	state    TaskState
	changed  chan struct{}
	stopping chan context.Context
	listener *os.File
	refuse   error
}

func (s *scripted) Create(c *Container) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	s.state.Revision++
	s.state.Containers = append(s.state.Containers, ContainerState{Name: c.Name, Status: Created})
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

func (s *scripted) Start(name string) error { return Errorf(NotFound, "no %s", name) }

func (s *scripted) Restart(name string, run int) error {
	return Errorf(NotFound, "no %s %d", name, run)
}

// Exec says "hello" on stderr and ends with 7 when its stdin does.
func (s *scripted) Exec(ctx context.Context, e *Exec, started func([]*os.File) error) (int, error) {
	if s.refuse != nil {
		return 0, s.refuse
	}
	var files, inner []*os.File
	for i := range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			return 0, err
		}
		if i == 0 {
			r, w = w, r
		}
		files, inner = append(files, r), append(inner, w)
	}
	err := started(files)
	CloseFiles(files)
	defer CloseFiles(inner)
	inner[2].WriteString("hello")
	context.AfterFunc(ctx, func() { inner[0].SetDeadline(time.Unix(1, 0)) })
	if _, readErr := io.ReadAll(inner[0]); readErr != nil {
		s.stopping <- ctx
		return 0, readErr
	}
	return 7, err
}

func (s *scripted) Dial(_ context.Context, d *Connect) (*os.File, error) {
	conn, err := net.Dial("tcp", d.Address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*net.TCPConn).File()
}

func (s *scripted) Stop(ctx context.Context, name string, grace time.Duration) error {
	s.stopping <- ctx
	<-ctx.Done()
	return ctx.Err()
}

func (s *scripted) State() (TaskState, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.changed
}

func (s *scripted) Listener(int) (*os.File, error) {
	if s.listener == nil {
		return nil, Errorf(None, "there is none")
	}
	return s.listener, nil
}

func (s *scripted) Shutdown() error { return s.refuse }

// serve returns the socket of a server and a channel that gets Serve's result.
func serve(t *testing.T, h Handler) (string, <-chan error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- (&Server{Handler: h, Build: "test"}).Serve(l) }()
	t.Cleanup(func() { l.Close() })
	return path, served
}

func dial(t *testing.T, path string) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newScripted() *scripted {
	return &scripted{changed: make(chan struct{}), stopping: make(chan context.Context, 1)}
}

func TestCallsReachTheHandler(t *testing.T) {
	h := newScripted()
	path, served := serve(t, h)
	c := dial(t, path)
	if w := c.Welcome(); w.Version != Version || w.PID != os.Getpid() || w.Build != "test" {
		t.Errorf("the welcome is %+v", w)
	}
	watcher := dial(t, path)
	if s, err := watcher.Watch(t.Context()); err != nil || s.Revision != 0 {
		t.Fatalf("the first state is %+v, %v", s, err)
	}
	if err := c.Create(t.Context(), &Container{Name: "web"}); err != nil {
		t.Fatal(err)
	}
	if s, err := watcher.Next(t.Context()); err != nil || s.Revision != 1 || s.Containers[0].Name != "web" {
		t.Errorf("the next state is %+v, %v", s, err)
	}
	if s, err := c.State(t.Context()); err != nil || s.Revision != 1 {
		t.Errorf("the state is %+v, %v", s, err)
	}
	if refusal, ok := errors.AsType[*Error](c.Start(t.Context(), "db")); !ok || refusal.Code != NotFound {
		t.Errorf("Start of an unknown container: %v", refusal)
	}
	h.refuse = errors.New("busy")
	if err := c.Shutdown(t.Context()); err == nil || err.Error() != "busy" {
		t.Errorf("a refused shutdown returned %v", err)
	}
	h.refuse = nil
	if err := c.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := watcher.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after the shutdown the watcher got %v", err)
	}
}

func TestALongCallEndsWithItsCaller(t *testing.T) {
	h := newScripted()
	path, _ := serve(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	c := dial(t, path)
	go func() { result <- c.Stop(ctx, "web", time.Hour) }()
	inside := <-h.stopping
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Stop returned %v", err)
	}
	c.Close()
	<-inside.Done()
}

func TestTheListenerIsHandedOver(t *testing.T) {
	h := newScripted()
	path, _ := serve(t, h)
	if _, err := dial(t, path).Listener(t.Context(), 0); err == nil {
		t.Error("a listener came from a task without one")
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	if h.listener, err = tcp.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	}
	defer h.listener.Close()
	for range 2 {
		c := dial(t, path)
		l, err := c.Listener(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		client, err := net.Dial("tcp", tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		accepted.Close()
		client.Close()
		l.Close()
		if _, err := c.State(t.Context()); err != nil {
			t.Errorf("the connection is of no use after a listener: %v", err)
		}
	}
}

func TestVersionsAreAgreedOn(t *testing.T) {
	path, _ := serve(t, newScripted())
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var w Welcome
	if err := errors.Join(WriteFrame(conn, Hello{Versions: []int{Version + 2, Version + 1, Version}}), ReadFrame(conn, &w)); err != nil || w.Version != Version {
		t.Errorf("a newer agent gets %+v, %v", w, err)
	}
	stranger, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if err := errors.Join(WriteFrame(stranger, Hello{Versions: []int{Version + 9}}), ReadFrame(stranger, &w)); err != nil || w.Error == "" {
		t.Errorf("an agent with no common version gets %+v, %v", w, err)
	}
}

// FuzzReadFrame decodes what may come from the other side. Whatever is accepted is written and read again alike.
func FuzzReadFrame(f *testing.F) {
	var frame bytes.Buffer
	must(f, WriteFrame(&frame, Request{Stop: &Stop{Name: "web", Grace: 1000}}))
	f.Add(frame.Bytes())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{0, 0, 0, 2, '{', '}', 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var req Request
		r := bytes.NewReader(data)
		if err := ReadFrame(r, &req); err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteFrame(&again, req); err != nil {
			t.Fatal(err)
		}
		first := again.String()
		var second Request
		if err := ReadFrame(&again, &second); err != nil {
			t.Fatalf("read %q again: %v", first, err)
		}
	})
}
