package ecs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
	"github.com/berth-dev/berth/internal/wire/client"
)

var here = store.Scope{Account: "000000000000", Region: "us-east-1"}

// as is a context of a caller; the agent is that of the machine m1.
func as(ctx context.Context, kind wire.Kind) context.Context {
	caller := wire.Caller{Account: here.Account, Region: here.Region, Kind: kind, ARN: "arn:aws:iam::000000000000:root"}
	if kind == wire.Agent {
		caller.Machine = "m1"
	}
	return wire.WithCaller(ctx, caller)
}

// network is a VPC service of one subnet, with its interfaces in a table as the real one has.
type network struct {
	interfaces *store.Table[Interface]
	// meanwhile is called, when it is set, in the middle of each transaction that makes an interface.
	meanwhile func()
}

func (n *network) CreateInterface(tx *store.Tx, scope store.Scope, spec InterfaceSpec) (Interface, error) {
	if spec.Subnets[0] != "subnet-1" {
		return Interface{}, fmt.Errorf("%s: %w", spec.Subnets[0], ErrNoSubnet)
	}
	for _, g := range spec.SecurityGroups {
		if g != "sg-1" {
			return Interface{}, fmt.Errorf("%s: %w", g, ErrNoSecurityGroup)
		}
	}
	if n.meanwhile != nil {
		n.meanwhile()
	}
	id := spec.Attachment[strings.LastIndexByte(spec.Attachment, '/')+1:]
	made := Interface{ID: "eni-" + id, Subnet: "subnet-1", Zone: "us-east-1a", MAC: "02:00:00:00:00:01", Address: "172.31.0.10",
		PrivateDNSName: "ip-172-31-0-10.ec2.internal", SecurityGroups: []string{"sg-1"}}
	return made, n.interfaces.Create(tx, scope, made.ID, &made)
}

func (n *network) Zones(store.Scope, []string) []string { return []string{"us-east-1a"} }

func (n *network) DeleteInterface(tx *store.Tx, scope store.Scope, id string) error {
	if _, ok := n.interfaces.GetTx(tx, scope, id); !ok {
		return nil
	}
	return n.interfaces.Delete(tx, scope, id)
}

// world is a service that runs over the memory store.
type world struct {
	*Service
	t       *testing.T
	ctx     context.Context // of a user
	db      *store.DB
	network *network
}

func newWorld(t *testing.T, config Config) *world {
	db := store.Memory()
	n := &network{interfaces: store.NewTable[Interface](db, "test", "interface")}
	w := &world{Service: New(db, n, config), t: t, ctx: as(t.Context(), wire.User), db: db, network: n}
	if err := db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.start())
	return w
}

// start runs the service; what it returns ends it and its store.
func (w *world) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error)
	go func() { over <- w.Run(ctx) }()
	<-w.placer.ready
	return func() {
		cancel()
		<-over
		w.ok(w.db.Close())
	}
}

// ok fails the test on an error.
func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// got returns a value that must have come without an error.
func got[T any](v T, err error) func(*world) T {
	return func(w *world) T {
		w.t.Helper()
		w.ok(err)
		return v
	}
}

func (w *world) cluster(name string) {
	w.t.Helper()
	_, err := w.CreateCluster(w.ctx, &api.CreateClusterRequest{ClusterName: name})
	w.ok(err)
}

// instance registers a machine's identity and connects its agent. It returns once the placer knows of it.
func (w *world) instance(cpu, memory int32, attributes ...string) *Instance {
	w.t.Helper()
	r := &api.RegisterContainerInstanceRequest{TotalResources: []api.Resource{
		{Name: "CPU", Type: "INTEGER", IntegerValue: cpu}, {Name: "MEMORY", Type: "INTEGER", IntegerValue: memory},
		{Name: "PORTS", Type: "STRINGSET", StringSetValue: []string{"22"}}, {Name: "PORTS_UDP", Type: "STRINGSET", StringSetValue: []string{}}}}
	for _, a := range append(attributes, "com.amazonaws.ecs.capability.docker-remote-api.1.18", "ecs.capability.task-eni", "ecs.cpu-architecture=x86_64") {
		name, value, _ := strings.Cut(a, "=")
		r.Attributes = append(r.Attributes, api.Attribute{Name: name, Value: value})
	}
	arn := got(w.RegisterContainerInstance(w.ctx, r))(w).ContainerInstance.ContainerInstanceArn
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	w.ok(w.AgentConnected(w.ctx, here, id, "session", Agent{Version: "1.0", Hash: "abc", Docker: "none"}))
	w.until("the placer knows the instance", func() bool {
		w.placer.mu.Lock()
		defer w.placer.mu.Unlock()
		c, _ := w.placer.ledger.Joined(id)
		return c.Connected
	})
	row, _ := w.Instances.Get(here, id)
	return row.Value
}

// fargate registers a machine of the Fargate pool.
func (w *world) fargate(cpu, memory int32) *Instance {
	w.t.Helper()
	return w.instance(cpu, memory, "berth.pool=fargate", "berth.machine=m1", "berth.protocol=1")
}

// until waits for a condition.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	w.t.Fatalf("not so after 2 s: %s", what)
}

func (w *world) task(id string) *Task {
	w.t.Helper()
	row, ok := w.Tasks.Get(here, id)
	if !ok {
		w.t.Fatalf("no task %s", id)
	}
	return row.Value
}

// wire serves the service, and returns what sends a request in JSON and returns the answer in JSON.
func (w *world) wire() (endpoint string, call func(operation, body string) (status int, answer string)) {
	server := wire.New(wire.Config{Credentials: oneKey{}, Log: slog.New(slog.DiscardHandler)})
	w.Register(server.Service(&api.API))
	http1 := httptest.NewServer(server)
	w.t.Cleanup(http1.Close)
	c := client.New(http1.URL, client.Static("AK", "secret", ""), here.Region)
	return http1.URL, func(operation, body string) (int, string) {
		w.t.Helper()
		r := got(http.NewRequest("POST", http1.URL+"/", strings.NewReader(body)))(w)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", api.API.TargetPrefix+"."+operation)
		w.ok(c.Sign(w.ctx, r, "ecs", []byte(body)))
		answer := got(http.DefaultClient.Do(r))(w)
		defer answer.Body.Close()
		text := got(io.ReadAll(answer.Body))(w)
		return answer.StatusCode, string(bytes.TrimSpace(text))
	}
}

type oneKey struct{}

func (oneKey) Lookup(context.Context, string, string, *http.Request) (wire.Credential, error) {
	return wire.Credential{Secret: "secret", Caller: wire.Caller{Account: here.Account, Kind: wire.User, ARN: "arn:aws:iam::000000000000:root"}}, nil
}

// failure is the code and message of an error answer.
func failure(t *testing.T, answer string) (code, message string) {
	t.Helper()
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal([]byte(answer), &e); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	return e.Type, e.Message
}

// afterSweeps returns, in virtual time, when all that only time makes due is done.
func (w *world) afterSweeps() {
	time.Sleep(2 * sweepEvery)
	synctest.Wait()
}
