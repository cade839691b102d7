package sim_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/server"
	"github.com/berth-dev/berth/internal/sim"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire/client"
)

const (
	account = "000000000000"
	region  = "us-east-1"
	cluster = "default"
)

// world is a control plane, over real sockets and the store in memory, and a client of it.
type world struct {
	*testing.T
	server *server.Server
	client *client.Client
	db     *store.DB
	keys   iam.Keys
	config sim.Config

	mu       sync.Mutex
	statuses map[string][]string // by task, as its agent reported them
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, db: store.Memory(), statuses: map[string][]string{}}
	dir := t.TempDir()
	var err error
	if w.keys, err = iam.OpenKeys(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	logs, err := journal.OpenPebble(filepath.Join(dir, "logs"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var web *httptest.Server
	w.server = server.New(server.Config{DB: w.db, Journal: logs, Keys: w.keys, Account: account, Region: region, StrictCapacity: true,
		Endpoint: func() string { return web.URL }, Log: slog.New(slog.DiscardHandler)})
	web = httptest.NewServer(w.server.Wire)
	if err := w.server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.server.Stop()
		web.CloseClientConnections()
		web.Close()
		w.db.Close()
		logs.Close()
	})
	dev := w.keys.Dev()
	w.client = client.New(web.URL, client.Static(dev.ID, dev.Secret, ""), region)
	w.config = sim.Config{Endpoint: web.URL, Region: region, Credentials: w.client.Credentials, Reported: w.reported}
	return w
}

func (w *world) reported(task, status string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.statuses[task] = append(w.statuses[task], status)
}

// fleet is so many agents that have joined the cluster default, for the length of the test.
func (w *world) fleet(n int) []*sim.Agent {
	w.Helper()
	f := sim.New(w.config)
	w.Cleanup(f.Close)
	agents, err := f.Add(w.Context(), n)
	if err != nil {
		w.Fatal(err)
	}
	return agents
}

// define registers a definition of one container that takes so much memory, in MiB, and ports of the host, and returns its ARN.
func (w *world) define(image string, memory int32, ports ...int32) string {
	w.Helper()
	essential := true
	mappings := []ecs.PortMapping{}
	for _, p := range ports {
		mappings = append(mappings, ecs.PortMapping{ContainerPort: &p})
	}
	definition := call(w, ecs.RegisterTaskDefinition, ecs.RegisterTaskDefinitionRequest{Family: "hollow", NetworkMode: ecs.NetworkModeHost,
		ContainerDefinitions: []ecs.ContainerDefinition{{Name: "main", Image: image, Memory: &memory, Essential: &essential, PortMappings: mappings}}})
	return definition.TaskDefinition.TaskDefinitionArn
}

// run asks for tasks until so many are placed, for the placer may not have seen the machines yet, and returns their ARNs.
func (w *world) run(definition string, count int) (arns []string) {
	w.Helper()
	w.until("room for the tasks", func() bool {
		more := int32(min(count-len(arns), 10))
		for _, t := range call(w, ecs.RunTask, ecs.RunTaskRequest{TaskDefinition: definition, Count: &more}).Tasks {
			arns = append(arns, t.TaskArn)
		}
		return len(arns) == count
	})
	return arns
}

func (w *world) describe(arn string) ecs.Task {
	w.Helper()
	out := call(w, ecs.DescribeTasks, ecs.DescribeTasksRequest{Tasks: []string{arn}})
	if len(out.Tasks) != 1 {
		w.Fatalf("%s: %+v", arn, out.Failures)
	}
	return out.Tasks[0]
}

// until waits for a condition.
func (w *world) until(what string, condition func() bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
	defer cancel()
	for !condition() {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			w.Fatalf("waited too long for %s", what)
		}
	}
}

// status waits until a task has a lastStatus.
func (w *world) status(arn, status string) ecs.Task {
	w.Helper()
	var t ecs.Task
	w.until(arn+" to be "+status, func() bool { t = w.describe(arn); return t.LastStatus == status })
	return t
}

// call calls an operation and fails the test when that fails.
func call[In, Out any](w *world, op schema.Op[In, Out], in In) *Out {
	w.Helper()
	out, err := client.Call(w.Context(), w.client, op, &in)
	if err != nil {
		w.Fatal(err)
	}
	return out
}
