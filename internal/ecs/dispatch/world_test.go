package dispatch

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/acs"
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
)

// The names in the recordings.
var (
	scope    = store.Scope{Account: "123456789012", Region: "us-east-1"}
	instance = "11111111111111111111111111111111"
	trio     = ecs.Revision{Family: "trio", Number: 7}
)

// id is a task's id of one repeated digit, as in the recordings.
func id(digit byte) string { return string(bytes.Repeat([]byte{digit}, 32)) }

func arnOf(task string) string { return ecs.TaskARN(scope, "default", task) }

// world is a dispatcher over a real ECS service in memory.
type world struct {
	t testing.TB
	*Dispatcher
	service *ecs.Service
	issued  sync.Map // key: how often
	life    time.Duration
	hosts   sync.Map // attachment ARN: address
	disk    *disk
}

// disk is a backend whose commits wait while it is busy.
type disk struct {
	store.Backend
	busy atomic.Pointer[chan struct{}] // closed when it no longer is
}

func (d *disk) Commit(ctx context.Context, b store.Batch) (store.Outcome, error) {
	if busy := d.busy.Load(); busy != nil {
		<-*busy
	}
	return d.Backend.Commit(ctx, b)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w, run := newIdleWorld(t)
	run()
	return w
}

// newIdleWorld is a world whose dispatcher is yet to run.
func newIdleWorld(t testing.TB) (w *world, run func()) {
	t.Helper()
	w = &world{t: t, life: 6 * time.Hour}
	w.disk = &disk{Backend: store.NewMemory(store.MemoryConfig{})}
	db := store.New(w.disk, store.Config{CheckValues: true})
	w.service = ecs.New(db, nil, ecs.Config{})
	w.Dispatcher = New(Config{DB: db, Tables: w.service.Tables, Observer: w, Issuer: w, Endpoint: func() string { return "http://127.0.0.1:4566" }})
	if err := db.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() {
		w.Close()
		cancel()
		running.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	w.update(func(tx *store.Tx) error {
		definition := &ecs.TaskDefinition{Definition: api.TaskDefinition{Family: "trio", Revision: 7, ContainerDefinitions: []api.ContainerDefinition{{Name: "db", Image: "busybox"}}}}
		return errors.Join(
			w.Tables.TaskDefinitions.Put(tx, scope, trio.Key(), definition),
			w.Tables.Instances.Put(tx, scope, instance, &ecs.Instance{ID: instance, Cluster: "default", Machine: "m1", Status: "ACTIVE", Protocol: 1}),
		)
	})
	return w, func() { running.Go(func() { w.Run(ctx) }) }
}

func (w *world) update(fn func(tx *store.Tx) error) {
	w.t.Helper()
	if err := w.DB.Update(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// run places a task on the instance.
func (w *world) run(task string, change ...func(*ecs.Task)) {
	w.t.Helper()
	t := &ecs.Task{ID: task, Cluster: "default", Definition: trio, Instance: instance, Machine: "m1", Status: ecs.Pending, NetworkMode: "bridge",
		Containers: []ecs.Container{{ID: "c-" + task, Name: "db", Checked: true, Essential: true, Status: ecs.Pending}}}
	for _, c := range change {
		c(t)
	}
	w.update(func(tx *store.Tx) error { return w.Tables.Tasks.Put(tx, scope, task, t) })
}

// change changes a task's record.
func (w *world) change(task string, change func(*ecs.Task)) {
	w.t.Helper()
	w.update(func(tx *store.Tx) error {
		t, _ := w.Tables.Tasks.GetTx(tx, scope, task)
		c := *t
		change(&c)
		return w.Tables.Tasks.Put(tx, scope, task, &c)
	})
}

func stop(t *ecs.Task) { t.Stop = &ecs.Stop{Code: "UserInitiated", Reason: "test"} }

func (w *world) task(task string) *ecs.Task {
	w.t.Helper()
	row, ok := w.Tables.Tasks.Get(scope, task)
	if !ok {
		w.t.Fatalf("no task %s", task)
	}
	return row.Value
}

func (w *world) instance() store.Row[ecs.Instance] {
	row, _ := w.Tables.Instances.Get(scope, instance)
	return row
}

// What the dispatcher asks of others: the ECS service itself, and what it lacks.

func (w *world) ApplyStopAcknowledged(ctx context.Context, scope store.Scope, task string) error {
	return w.service.ApplyStopAcknowledged(ctx, scope, task)
}

func (w *world) ApplyTaskReport(ctx context.Context, scope store.Scope, task string, r ecs.TaskReport) error {
	return w.service.ApplyTaskReport(ctx, scope, task, r)
}

func (w *world) ApplyHealth(ctx context.Context, scope store.Scope, task string, containers map[string]ecs.HealthReport) error {
	return w.service.ApplyHealth(ctx, scope, task, containers)
}

func (w *world) ApplyInstanceHealth(ctx context.Context, scope store.Scope, instance string, reports []ecs.InstanceHealth) error {
	return w.service.ApplyInstanceHealth(ctx, scope, instance, reports)
}

func (w *world) AgentLeft(ctx context.Context, scope store.Scope, instance string) error {
	return w.service.AgentLeft(ctx, scope, instance)
}

func (w *world) ApplyHostAddress(_ context.Context, _ store.Scope, _, attachmentARN, address string) error {
	w.hosts.Store(attachmentARN, address)
	return nil
}

func (w *world) AgentConnected(ctx context.Context, scope store.Scope, instance, session string, agent ecs.Agent) error {
	return w.service.AgentConnected(ctx, scope, instance, session, agent)
}

func (w *world) AgentDisconnected(ctx context.Context, scope store.Scope, instance, session string) error {
	return w.service.AgentDisconnected(ctx, scope, instance, session)
}

func (w *world) TaskCredentials(_ context.Context, _ store.Scope, taskARN, roleARN string, kind acs.RoleType) (acs.IAMRoleCredentials, error) {
	if roleARN == "gone" {
		return acs.IAMRoleCredentials{}, errors.New("no such role")
	}
	n, _ := w.issued.LoadOrStore(taskARN+string(kind), 0)
	w.issued.Store(taskARN+string(kind), n.(int)+1)
	return acs.IAMRoleCredentials{
		CredentialsId: "cid-" + string(kind), RoleArn: roleARN, AccessKeyId: fmt.Sprint("ASIA", n), SecretAccessKey: "example",
		SessionToken: "example", Expiration: time.Now().Add(w.life).UTC().Format(time.RFC3339),
	}, nil
}

// agent is the other end of a connection, in memory.
type agent struct {
	t      testing.TB
	in     chan []byte // to the server
	out    chan []byte // to the agent
	deaf   chan struct{}
	closed chan struct{}
	once   sync.Once
	code   websocket.StatusCode
	reason string
}

func newAgent(t testing.TB) *agent {
	return &agent{t: t, in: make(chan []byte), out: make(chan []byte, 1000), closed: make(chan struct{})}
}

// connect opens a session.
func (w *world) connect() *agent {
	a := newAgent(w.t)
	go newSession(context.Background(), w.Dispatcher, a, w.instance(), ecs.Agent{Version: "1.105.1"}).run()
	return a
}

func (a *agent) Receive(ctx context.Context) ([]byte, error) {
	select {
	case data := <-a.in:
		return data, nil
	case <-a.closed:
		return nil, errors.New("closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *agent) Send(ctx context.Context, frame []byte) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if a.deaf != nil {
		<-ctx.Done()
		return ctx.Err()
	}
	select {
	case a.out <- frame:
		return nil
	case <-a.closed:
		return errors.New("closed")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *agent) Close(code websocket.StatusCode, reason string) {
	a.once.Do(func() {
		a.code, a.reason = code, reason
		close(a.closed)
	})
}

// say sends the server a frame.
func (a *agent) say(m any) {
	data, err := encodeFrame(m)
	if err != nil {
		a.t.Fatal(err)
	}
	a.sayRaw(data)
}

func (a *agent) sayRaw(data []byte) {
	select {
	case a.in <- data:
	case <-a.closed:
		a.t.Errorf("the session is closed: %s", a.reason)
	}
}

func (a *agent) ack(message string) {
	a.say(acs.AckRequest{Cluster: "default", ContainerInstance: ecs.InstanceARN(scope, "default", instance), MessageId: message})
}

// hear returns the next frame of a type, and the ones before it go by. It waits as long as d.
func hear[T any](a *agent, d time.Duration) (m T, ok bool) {
	limit := time.After(d)
	want := fmt.Sprintf("%T", m)
	for {
		select {
		case data := <-a.out:
			f, err := decodeFrame(data)
			if err != nil {
				a.t.Fatal(err)
			}
			if want != "acs."+f.Type && want != "tcs."+f.Type {
				continue
			}
			if err := json.Unmarshal(f.Message, &m); err != nil {
				a.t.Fatal(err)
			}
			return m, true
		case <-limit:
			return m, false
		}
	}
}

// must is hear for what comes within a second.
func must[T any](a *agent) T {
	a.t.Helper()
	m, ok := hear[T](a, time.Second)
	if !ok {
		a.t.Errorf("no %T came", m)
	}
	return m
}

// recorded reads the frames of one kind, such as "ACS<-", from a recording.
func recorded(t testing.TB, name, kind string) (frames [][]byte) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	line := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d\d\d (\S+) (.*)$`)
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	inside := false
	for lines.Scan() {
		m := line.FindSubmatch(lines.Bytes())
		switch {
		case m != nil:
			if inside = string(m[1]) == kind; inside {
				frames = append(frames, bytes.Clone(m[2]))
			}
		case inside: // a frame of several lines: the headers of telemetry
			frames[len(frames)-1] = fmt.Appendf(frames[len(frames)-1], "\r\n%s", bytes.TrimSuffix(lines.Bytes(), []byte("\r")))
		}
	}
	if lines.Err() != nil || len(frames) == 0 {
		t.Fatalf("%s has no %s (%v)", name, kind, lines.Err())
	}
	return frames
}
