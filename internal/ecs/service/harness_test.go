package service

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

	"github.com/go-json-experiment/json"

	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
	"github.com/berth-dev/berth/internal/wire/client"
)

var here = store.Scope{Account: "000000000000", Region: "us-east-1"}

// subnets is a VPC service of one subnet, subnet-1, and one security group, sg-1.
type subnets struct{}

func (subnets) CreateInterface(_ *store.Tx, _ store.Scope, spec ecs.InterfaceSpec) (ecs.Interface, error) {
	for _, subnet := range spec.Subnets {
		if subnet != "subnet-1" {
			return ecs.Interface{}, fmt.Errorf("%s: %w", subnet, ecs.ErrNoSubnet)
		}
	}
	for _, g := range spec.SecurityGroups {
		if g != "sg-1" {
			return ecs.Interface{}, fmt.Errorf("%s: %w", g, ecs.ErrNoSecurityGroup)
		}
	}
	return ecs.Interface{ID: "eni-1", Subnet: "subnet-1", Zone: "us-east-1a", Address: "172.31.0.10"}, nil
}

func (subnets) Zones(store.Scope, []string) []string { return []string{"us-east-1a"} }

func (subnets) DeleteInterface(*store.Tx, store.Scope, string) error { return nil }

// The target groups of a world, and its listener rule.
const (
	groupOfAddresses = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/addresses/1111111111111111"
	groupOfInstances = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/instances/2222222222222222"
	groupAlone       = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/alone/3333333333333333"
	theRule          = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/web/1/2/3"
)

// groups are load balancers of those target groups.
type groups struct{}

func (groups) Group(_ store.Scope, arn string) (Group, error) {
	switch arn {
	case groupOfAddresses:
		return Group{ARN: arn, Balanced: true, Checked: true}, nil
	case groupOfInstances:
		return Group{ARN: arn, Instance: true, Balanced: true}, nil
	case groupAlone:
		return Group{ARN: arn}, nil
	}
	return Group{}, ErrNoGroup
}

func (groups) Health(store.Scope, string, string, uint16) Health { return Health{State: "healthy"} }

func (groups) Watch(func(store.Scope, string)) (stop func()) { return func() {} }

func (groups) RuleGroups(_ store.Scope, rule string) (map[string]int, error) {
	if rule != theRule {
		return nil, ErrNoRule
	}
	return map[string]int{groupOfAddresses: 100}, nil
}

func (groups) SetWeights(*store.Tx, store.Scope, string, map[string]int) error { return nil }

// world is a scheduler over an ECS service and the memory store, with nothing running: what the operations write is all there is.
type world struct {
	*Scheduler
	t   *testing.T
	ctx context.Context // of a user

	endpoint string
	signer   *client.Client
}

func newWorld(t *testing.T) *world { return newWorldWith(t, groups{}) }

func newWorldWith(t *testing.T, balancers Balancers) *world {
	db := store.Memory()
	w := &world{t: t, ctx: wire.WithCaller(t.Context(), wire.Caller{Account: here.Account, Region: here.Region, Kind: wire.User, ARN: "arn:aws:iam::000000000000:root"})}
	var asked asked
	tasks := ecs.New(db, subnets{}, ecs.Config{Services: &asked})
	w.Scheduler = New(db, tasks, balancers, Config{})
	asked.Scheduler = w.Scheduler
	if err := db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	server := wire.New(wire.Config{Credentials: oneKey{}, Log: slog.New(slog.DiscardHandler)})
	svc := server.Service(&api.API)
	tasks.Register(svc)
	w.Register(svc)
	served := httptest.NewServer(server)
	t.Cleanup(served.Close)
	w.endpoint, w.signer = served.URL, client.New(served.URL, client.Static("AK", "secret", ""), here.Region)
	return w
}

// asked is the scheduler that the ECS service asks, once there is one.
type asked struct{ *Scheduler }

type oneKey struct{}

func (oneKey) Lookup(context.Context, string, string, *http.Request) (wire.Credential, error) {
	return wire.Credential{Secret: "secret", Caller: wire.Caller{Account: here.Account, Kind: wire.User, ARN: "arn:aws:iam::000000000000:root"}}, nil
}

// call sends a request in JSON and returns the answer in JSON.
func (w *world) call(operation, body string) (status int, answer string) {
	w.t.Helper()
	r := got(http.NewRequest("POST", w.endpoint+"/", strings.NewReader(body)))(w)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", api.API.TargetPrefix+"."+operation)
	w.ok(w.signer.Sign(w.ctx, r, "ecs", []byte(body)))
	response := got(http.DefaultClient.Do(r))(w)
	defer response.Body.Close()
	return response.StatusCode, string(bytes.TrimSpace(got(io.ReadAll(response.Body))(w)))
}

// did is call for a request that must be answered with 200.
func (w *world) did(operation, body string) (answer string) {
	w.t.Helper()
	status, answer := w.call(operation, body)
	if status != 200 {
		w.t.Fatalf("%s %s\n answers %d %s", operation, body, status, answer)
	}
	return answer
}

// failed is call for a request that must be refused: the code and the message of its error.
func (w *world) failed(operation, body string) (code, message string) {
	w.t.Helper()
	status, answer := w.call(operation, body)
	if status != 400 {
		w.t.Errorf("%s %s\n answers %d %s", operation, body, status, answer)
		return "", ""
	}
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	w.ok(json.Unmarshal([]byte(answer), &e))
	return e.Type, e.Message
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

// definitions registers the cluster default and the task definitions that the cases are about: "web" for FARGATE and EC2 with
// addresses of its own, "bridged" for EC2.
func (w *world) definitions() {
	w.t.Helper()
	w.did("CreateCluster", `{}`)
	w.did("RegisterTaskDefinition", `{"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["EC2", "FARGATE"], "cpu": "256", "memory": "512",
		"containerDefinitions": [{"name": "web", "image": "web:1", "portMappings": [{"containerPort": 80}]}]}`)
	w.did("RegisterTaskDefinition", `{"family": "bridged", "networkMode": "bridge",
		"containerDefinitions": [{"name": "web", "image": "web:1", "memory": 64, "portMappings": [{"containerPort": 80, "hostPort": 0}]}]}`)
}

// service is the record of a service of the cluster default.
func (w *world) service(name string) *Service {
	w.t.Helper()
	row, ok := w.Services.Get(here, Key("default", name))
	if !ok {
		w.t.Fatalf("there is no service %s", name)
	}
	return row.Value
}
