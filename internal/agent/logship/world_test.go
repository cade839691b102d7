package logship

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/acs"
	api "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/logdriver/awslogs"
	"github.com/berth-dev/berth/internal/agent/spool"
	"github.com/berth-dev/berth/internal/logs"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
	"github.com/berth-dev/berth/internal/wire/client"
)

// world is a log service that can be made to fail, and an agent's database.
type world struct {
	*testing.T
	url     string
	db      *db.DB
	before  atomic.Pointer[http.HandlerFunc] // sees each request first; the service doesn't when it answers or panics
	after   atomic.Pointer[http.HandlerFunc] // takes the place of the service's answer
	expired atomic.Bool                      // the execution role's session has ended
	backend *backend                         // of the driver "fake"
}

// Lookup knows the keys "agent", "execution" and "dev", whose secrets are themselves.
func (w *world) Lookup(_ context.Context, key, _ string, _ *http.Request) (wire.Credential, error) {
	caller := wire.Caller{Account: "123456789012", AccessKeyID: key}
	switch key {
	case "agent":
		caller.Kind = wire.Agent
	case "execution":
		caller.Kind, caller.TaskARN = wire.Role, "arn:aws:ecs:eu-west-1:123456789012:task/default/t1"
		if w.expired.Load() {
			return wire.Credential{}, wire.ErrExpiredToken
		}
	case "dev":
		caller.Kind = wire.Root
	default:
		return wire.Credential{}, wire.ErrUnknownKey
	}
	return wire.Credential{Secret: key, Caller: caller}, nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, backend: &backend{}}
	j, err := journal.OpenPebble(t.TempDir(), slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	state := store.Memory()
	service := logs.New(state, logs.Config{Journal: j})
	if err := state.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := wire.New(wire.Config{Credentials: w})
	service.Register(server)
	listener := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if f := w.before.Load(); f != nil {
			(*f)(rw, r)
			if rw.Header().Get("X-Test-Answered") != "" {
				return
			}
		}
		if f := w.after.Load(); f != nil {
			rec := httptest.NewRecorder()
			server.ServeHTTP(rec, r)
			(*f)(rw, r)
			for k, v := range rec.Header() {
				rw.Header()[k] = v
			}
			rw.WriteHeader(rec.Code)
			rw.Write(rec.Body.Bytes())
			return
		}
		server.ServeHTTP(rw, r)
	}))
	w.url = listener.URL
	if w.db, err = db.Open(filepath.Join(t.TempDir(), "agent.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		listener.Close()
		state.Close()
		j.Close()
		w.db.Close()
	})
	w.createGroup("g")
	return w
}

func (w *world) client() *client.Client {
	return client.New(w.url, client.Static("dev", "dev", ""), "eu-west-1")
}

func (w *world) createGroup(name string) {
	w.Helper()
	if _, err := client.Call(w.Context(), w.client(), api.CreateLogGroup, &api.CreateLogGroupRequest{LogGroupName: name}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) shipper(offsets Offsets) *Shipper {
	if offsets == nil {
		offsets = w.db
	}
	drivers := map[string]logdriver.Driver{
		"awslogs": &awslogs.Driver{Endpoint: w.url, Credentials: client.Static("agent", "agent", ""), HTTP: &http.Client{}},
		"fake":    w.backend,
	}
	s := New(Config{Offsets: offsets, Drivers: drivers, Every: time.Millisecond, Idle: 50 * time.Millisecond})
	w.Cleanup(s.Close)
	return s
}

// container is a container's spool with its two outputs.
type container struct {
	logdriver.Source
	*spool.Writer
}

func (w *world) container(name string, options map[string]string) *container {
	w.Helper()
	l := logdriver.Source{Driver: "awslogs", Task: "t1", Container: name, Stream: "app/" + name + "/t1", Dir: filepath.Join(w.TempDir(), "spool"), Options: map[string]string{"awslogs-group": "g", "awslogs-region": "eu-west-1"}}
	for k, v := range options {
		l.Options[k] = v
	}
	l.Credentials = func(context.Context) (acs.IAMRoleCredentials, bool) {
		return acs.IAMRoleCredentials{AccessKeyId: "execution", SecretAccessKey: "execution"}, true
	}
	writer, err := spool.Create(l.Dir, spool.Options{})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { writer.Close() })
	return &container{l, writer}
}

func (c *container) print(t *testing.T, text string) {
	t.Helper()
	if err := c.Copy(spool.Stdout, strings.NewReader(text)); err != nil {
		t.Error(err)
	}
}

// numbered is the lines from first up to and not including end.
func numbered(first, end int) string {
	var b bytes.Buffer
	for i := first; i < end; i++ {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

// stored is what the service has of a stream, a line each.
func (w *world) stored(stream string) string {
	w.Helper()
	var b strings.Builder
	in := &api.GetLogEventsRequest{LogGroupName: "g", LogStreamName: stream, StartFromHead: new(true)}
	for {
		out, err := client.Call(w.Context(), w.client(), api.GetLogEvents, in)
		if err != nil {
			w.Fatal(err)
		}
		for _, e := range out.Events {
			b.WriteString(e.Message + "\n")
		}
		if out.NextForwardToken == in.NextToken {
			return b.String()
		}
		in.NextToken = out.NextForwardToken
	}
}

func (w *world) until(what string, done func() bool) {
	w.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("it never came that %s", what)
		}
	}
}

// answer writes an answer in the service's place.
func answer(rw http.ResponseWriter, status int, code string) {
	rw.Header().Set("X-Test-Answered", "1")
	rw.WriteHeader(status)
	io.WriteString(rw, `{"__type":"`+code+`","message":"as the test wants it"}`)
}
