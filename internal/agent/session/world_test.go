package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/metadata"
	"github.com/berth-dev/berth/internal/agent/task"
	"github.com/berth-dev/berth/internal/wire/client"
)

const instanceARN = "arn:aws:ecs:us-east-1:123456789012:container-instance/default/11111111111111111111111111111111"

// plane is a control plane: it answers the API and holds the other end of each socket.
type plane struct {
	mu       sync.Mutex
	calls    []call
	answers  map[string]func(body jsontext.Value) (int, string) // by operation
	dials    []url.Values
	refuse   error // of the next dial
	protocol int   // that it speaks
	gone     bool  // no socket can be opened
	conns    chan *pipe
	telling  chan *pipe
}

type call struct {
	operation string
	body      jsontext.Value
}

func newPlane() *plane {
	return &plane{conns: make(chan *pipe, 100), telling: make(chan *pipe, 100),
		answers: map[string]func(jsontext.Value) (int, string){
			"RegisterContainerInstance": func(jsontext.Value) (int, string) {
				return 200, `{"containerInstance":{"containerInstanceArn":"` + instanceARN + `"}}`
			},
			"DiscoverPollEndpoint": func(jsontext.Value) (int, string) {
				return 200, `{"endpoint":"http://plane/acs","telemetryEndpoint":"http://plane/tcs"}`
			},
		}}
}

// RoundTrip answers an API call.
func (p *plane) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call{operation, body})
	status, text := 200, "{}"
	if answer := p.answers[operation]; answer != nil {
		status, text = answer(body)
	}
	return &http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func (p *plane) called(operation string) (bodies []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		if c.operation == operation {
			bodies = append(bodies, string(c.body))
		}
	}
	return bodies
}

func (p *plane) dial(_ context.Context, endpoint string, q url.Values) (conn, int, error) {
	p.mu.Lock()
	err := p.refuse
	if p.gone {
		p.mu.Unlock()
		return nil, 0, errCut
	}
	acs := strings.HasSuffix(endpoint, "/acs")
	if acs {
		p.dials = append(p.dials, q)
		p.refuse = nil
	}
	p.mu.Unlock()
	c := &pipe{down: make(chan []byte, 100), up: make(chan []byte, 1000), closed: make(chan struct{})}
	switch {
	case !acs:
		p.telling <- c
	case err != nil:
		return nil, 0, err
	default:
		p.conns <- c
	}
	return c, p.protocol, nil
}

// pipe is a socket in memory.
type pipe struct {
	down, up chan []byte
	closed   chan struct{}
	once     sync.Once
	reason   string
}

var errCut = errors.New("cut")

func (c *pipe) Receive(ctx context.Context) ([]byte, error) {
	select {
	case data := <-c.down:
		return data, nil
	case <-c.closed:
		return nil, errCut
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c *pipe) Send(_ context.Context, data []byte) error {
	select {
	case <-c.closed:
		return errCut
	case c.up <- bytes.Clone(data):
		return nil
	}
}

func (c *pipe) Close(reason string) { c.once.Do(func() { c.reason = reason; close(c.closed) }) }

// sent is what the agent has sent, once it has nothing more to do.
func (c *pipe) sent() (frames []string) {
	synctest.Wait()
	for {
		select {
		case data := <-c.up:
			frames = append(frames, string(data))
		default:
			return frames
		}
	}
}

// tasks remember what a session handed over.
type tasks struct {
	mu       sync.Mutex
	live     []string
	stopped  []string
	applied  []task.Assignment
	identity db.Identity
	fails    error
	attached []task.Attachment
	hurries  int
}

func (t *tasks) Apply(_ context.Context, identity db.Identity, assigned []task.Assignment) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fails != nil {
		return t.fails
	}
	t.identity = identity
	for _, a := range assigned {
		t.applied = append(t.applied, a)
		if !a.Stop() && !slices.Contains(t.live, a.Task.Arn) {
			t.live = append(t.live, a.Task.Arn)
		}
	}
	return nil
}

func (t *tasks) Stop(_ context.Context, arns []string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = append(t.stopped, arns...)
	return nil
}

func (t *tasks) Live(string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.live)
}

func (t *tasks) Attachments(string) []task.Attachment { return t.attached }

func (t *tasks) Has(arn string) bool { return slices.Contains(t.Live(""), arn) }

func (t *tasks) Hurry() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hurries++
}

// running is a session that runs against a plane in a bubble of virtual time.
type running struct {
	*Session
	plane *plane
	tasks *tasks
	db    *db.DB
	end   func() error
}

func run(t *testing.T, p *plane, path string, change ...func(*Config)) *running {
	t.Helper()
	d, err := db.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c := client.New("http://plane", client.Static("AKIAAGENT", "secret", ""), "us-east-1")
	c.HTTP = &http.Client{Transport: p}
	cfg := Config{Identity: "default", Client: c, DB: d, Keyring: metadata.NewKeyring(), Version: "1", Hash: "abc", Engine: "fake",
		Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.dial = p.dial
	r := &running{Session: s, plane: p, tasks: &tasks{}, db: d}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, r.tasks) }()
	r.end = sync.OnceValue(func() error {
		cancel()
		err := <-done
		_ = d.Close()
		return err
	})
	t.Cleanup(func() { _ = r.end() })
	return r
}

func path(t *testing.T) string { return filepath.Join(t.TempDir(), "agent.db") }

// canonical is a frame with its members in order, so that two can be compared.
func canonical(frame string) string {
	v := jsontext.Value(frame)
	if err := v.Canonicalize(); err != nil {
		return err.Error() + ": " + frame
	}
	return string(v)
}
