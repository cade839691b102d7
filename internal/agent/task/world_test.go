package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/agent/db"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
	"github.com/berth-dev/berth/internal/agent/logdriver"
	"github.com/berth-dev/berth/internal/agent/metadata"
	"github.com/berth-dev/berth/internal/agent/network"
)

// world is all that outlives an agent: the machine, its networks, its disk, and the control plane.
type world struct {
	t       *testing.T
	dir     string
	machine *fake.Machine
	net     *fake.Network
	logs    *logs
	secrets *secrets

	mu       sync.Mutex
	changes  []ecs.SubmitTaskStateChangeRequest
	refuse   func(n int) error // asked before a report is taken
	attempts int
	began    time.Time
	healths  []tcs.TaskHealth                // that were told as changed
	pulls    map[string]*engine.RegistryAuth // by container
}

func newWorld(t *testing.T) *world {
	return &world{t: t, dir: t.TempDir(), machine: fake.NewMachine(), net: fake.NewNetwork(), logs: &logs{drained: map[string]bool{}}, began: time.Now(),
		secrets: &secrets{}, pulls: map[string]*engine.RegistryAuth{}}
}

// agent is one life of an agent.
type agent struct {
	*Runner
	w      *world
	db     *db.DB
	kill   *executioner
	server *metadata.Server
}

// start begins a life, which kill may end.
func (w *world) start(kill *executioner) *agent {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	d, err := db.Open(filepath.Join(w.dir, "agent.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	kill.dies = func() { cancel(); _ = d.Close() }
	keyring := metadata.NewKeyring()
	endpoint, _ := url.Parse("http://control.plane")
	server := metadata.New(metadata.Config{Endpoint: endpoint, Keyring: keyring, Transport: controlPlane{}})
	a := &agent{w: w, db: d, kill: kill, server: server}
	a.Runner, err = Start(ctx, Config{
		DB: d, Engine: mortalEngine{w.machine.Engine(), kill, w}, Network: mortalNetwork{w.net, kill}, Logs: &mortalLogs{logs: w.logs, kill: kill, followed: map[string][]string{}},
		Secrets: w.secrets, Metadata: server, Keyring: keyring, Dir: filepath.Join(w.dir, "tasks"), Region: "us-east-1",
		Log: slog.New(slog.DiscardHandler),
		HealthChanged: func(_ string, h tcs.TaskHealth) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.healths = append(w.healths, h)
		},
		Submit: func(ctx context.Context, _ string, change *ecs.SubmitTaskStateChangeRequest) error {
			return kill.at("Submit", func() error { return w.take(change) })
		},
	})
	if err != nil && !kill.dead() {
		w.t.Fatal(err)
	}
	return a
}

// die ends a life as SIGKILL does: nothing that it does from here on has an effect.
func (a *agent) die() {
	a.kill.die()
	if a.Runner != nil {
		a.Wait()
	}
	a.server.Close()
}

func (w *world) take(change *ecs.SubmitTaskStateChangeRequest) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.attempts++
	if w.refuse != nil {
		if err := w.refuse(w.attempts); err != nil {
			return err
		}
	}
	w.changes = append(w.changes, *change)
	return nil
}

// statuses are the statuses reported of a task, in order, without repetitions.
func (w *world) statuses(arn string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var statuses []string
	for _, c := range w.changes {
		if c.Task == arn {
			statuses = append(statuses, c.Status)
		}
	}
	return slices.Compact(statuses)
}

// last is the last report of a task.
func (w *world) last(arn string) ecs.SubmitTaskStateChangeRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range slices.Backward(w.changes) {
		if c.Task == arn {
			return c
		}
	}
	return ecs.SubmitTaskStateChangeRequest{}
}

// leftovers names what is left on the machine and on disk, but for the database itself.
func (w *world) leftovers() []string {
	var left []string
	for _, id := range w.machine.Tasks() {
		left = append(left, "task in the engine: "+id)
	}
	for _, n := range w.net.List() {
		left = append(left, "network: "+n.Task)
	}
	for _, id := range w.net.BridgedTasks() {
		left = append(left, "networks of containers: "+id)
	}
	entries, _ := os.ReadDir(filepath.Join(w.dir, "tasks"))
	for _, e := range entries {
		left = append(left, "directory: "+e.Name())
	}
	return left
}

// remembered names what the database still holds.
func (a *agent) remembered() []string {
	var left []string
	tasks, err := a.db.Tasks()
	if err != nil {
		left = append(left, err.Error())
	}
	for _, t := range tasks {
		left = append(left, "task in the database: "+t.ID)
	}
	reports, _ := a.db.Reports()
	for _, r := range reports {
		left = append(left, fmt.Sprintf("report %d of %s", r.Sequence, r.Task))
	}
	return left
}

var instance = db.Identity{Name: "default", Cluster: "default"}

// apply hands payloads over as a session does.
func (a *agent) apply(payloads ...string) error {
	var assigned []Assignment
	for _, p := range payloads {
		assignment, err := Decode(jsontext.Value(p))
		if err != nil {
			a.w.t.Fatal(err)
		}
		a.Keyring.Set(assignment.ID, acs.RoleTypeTaskApplication, assignment.Task.RoleCredentials)
		assigned = append(assigned, assignment)
	}
	return a.Apply(a.w.t.Context(), instance, assigned)
}

const (
	idA  = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	arnA = "arn:aws:ecs:us-east-1:123456789012:task/default/" + idA
)

// payload is the task of these tests: an essential container web and one beside it, in awsvpc mode, with a task role.
func payload(change ...func(*acs.Task)) string {
	cpu, memory := 0.25, int32(256)
	host := `{"NetworkMode":"awsvpc","LogConfig":{"Type":"awslogs","Config":{"awslogs-group":"/app","awslogs-stream-prefix":"s"}}}`
	task := acs.Task{
		Arn: arnA, TaskClusterArn: "arn:aws:ecs:us-east-1:123456789012:cluster/default", Family: "web", Version: "3",
		DesiredStatus: running, NetworkMode: "awsvpc", LaunchType: "FARGATE", Cpu: &cpu, Memory: &memory,
		Containers: []acs.Container{
			{Name: "web", Image: "web:1", Essential: true, Cpu: 128, Memory: 64, Environment: map[string]string{"STAGE": "dev"},
				DockerConfig: &acs.DockerConfig{Config: "{}", HostConfig: host}},
			{Name: "side", Image: "side:1", DockerConfig: &acs.DockerConfig{Config: "{}", HostConfig: host}},
		},
		ElasticNetworkInterfaces: []acs.ElasticNetworkInterface{{
			AttachmentArn: "arn:aws:ecs:us-east-1:123456789012:attachment/1", Ec2Id: "eni-1", MacAddress: "02:00:00:00:00:04",
			Ipv4Addresses:            []acs.IPv4AddressAssignment{{PrivateAddress: "172.31.0.4", Primary: true}},
			SubnetGatewayIpv4Address: "172.31.0.1/20", DomainNameServers: []string{"172.31.0.2"},
			PrivateDnsName: "ip-172-31-0-4.ec2.internal", BerthVpcId: "vpc-1", BerthVpcCidr: "172.31.0.0/16",
		}},
		RoleCredentials: &acs.IAMRoleCredentials{CredentialsId: "cid", RoleArn: "arn:aws:iam::123456789012:role/app",
			AccessKeyId: "ASIATASK", SecretAccessKey: "hush", SessionToken: "token", Expiration: "2030-01-01T00:00:00Z"},
	}
	for _, c := range change {
		c(&task)
	}
	raw, err := json.Marshal(&task)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func toStop(t *acs.Task) { t.DesiredStatus = stopped }

// executioner ends an agent's life at its nth step into the world outside, before or after the step is done.
type executioner struct {
	nth   int    // 0: never
	upon  string // or at the first step of this name
	after bool
	fails func(step string) error // makes steps fail; nil: none does
	dies  func()

	mu    sync.Mutex
	steps int
	died  bool
	step  string
}

var errDead = errors.New("the agent is dead")

func (k *executioner) dead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.died
}

func (k *executioner) die() {
	k.mu.Lock()
	already := k.died
	k.died = true
	k.mu.Unlock()
	if !already {
		k.dies()
	}
}

// at does one step, unless the agent is dead, or dies of it.
func (k *executioner) at(step string, do func() error) error {
	k.mu.Lock()
	if k.died {
		k.mu.Unlock()
		return errDead
	}
	k.steps++
	now := k.steps == k.nth || step == k.upon
	if now {
		k.step = step
	}
	k.mu.Unlock()
	if now && !k.after {
		k.die()
		return errDead
	}
	if k.fails != nil {
		if err := k.fails(step); err != nil {
			return err
		}
	}
	err := do()
	if now {
		k.die()
	}
	if k.dead() {
		return errDead
	}
	return err
}

type mortalEngine struct {
	engine.Engine
	kill *executioner
	w    *world
}

func (e mortalEngine) PullImage(ctx context.Context, req engine.PullRequest, p func(engine.PullProgress)) (i engine.Image, err error) {
	e.w.mu.Lock()
	e.w.pulls[req.Container] = req.Auth
	e.w.mu.Unlock()
	err = e.kill.at("PullImage", func() error { i, err = e.Engine.PullImage(ctx, req, p); return err })
	return i, err
}

func (e mortalEngine) CreateTask(ctx context.Context, spec engine.TaskSpec) error {
	return e.kill.at("CreateTask", func() error { return e.Engine.CreateTask(ctx, spec) })
}

func (e mortalEngine) CreateContainer(ctx context.Context, task string, spec engine.ContainerSpec) error {
	return e.kill.at("CreateContainer "+spec.Name, func() error { return e.Engine.CreateContainer(ctx, task, spec) })
}

func (e mortalEngine) StartContainer(ctx context.Context, task, name string) error {
	return e.kill.at("StartContainer "+name, func() error { return e.Engine.StartContainer(ctx, task, name) })
}

func (e mortalEngine) StopContainer(ctx context.Context, task, name string, grace time.Duration) error {
	return e.kill.at("StopContainer "+name, func() error { return e.Engine.StopContainer(ctx, task, name, grace) })
}

func (e mortalEngine) RestartContainer(ctx context.Context, task, name string, run int) error {
	return e.kill.at("RestartContainer "+name, func() error { return e.Engine.RestartContainer(ctx, task, name, run) })
}

func (e mortalEngine) Exec(ctx context.Context, task, name string, spec engine.ExecSpec) (p engine.Process, err error) {
	err = e.kill.at("Exec "+name, func() error { p, err = e.Engine.Exec(ctx, task, name, spec); return err })
	return p, err
}

func (e mortalEngine) Inspect(ctx context.Context, task string) (s engine.TaskStatus, err error) {
	err = e.kill.at("Inspect", func() error { s, err = e.Engine.Inspect(ctx, task); return err })
	return s, err
}

func (e mortalEngine) RemoveTask(ctx context.Context, task string) error {
	return e.kill.at("RemoveTask", func() error { return e.Engine.RemoveTask(ctx, task) })
}

type mortalNetwork struct {
	*fake.Network
	kill *executioner
}

func (n mortalNetwork) Attach(ctx context.Context, net network.TaskNet) (a network.Attached, err error) {
	err = n.kill.at("Attach", func() error { a, err = n.Network.Attach(ctx, net); return err })
	return a, err
}

func (n mortalNetwork) Detach(ctx context.Context, task string) error {
	return n.kill.at("Detach", func() error { return n.Network.Detach(ctx, task) })
}

func (n mortalNetwork) Bridge(ctx context.Context, net network.ContainerNet) (b network.Bridged, err error) {
	err = n.kill.at("Bridge", func() error { b, err = n.Network.Bridge(ctx, net); return err })
	return b, err
}

func (n mortalNetwork) Unbridge(ctx context.Context, task string) error {
	return n.kill.at("Unbridge", func() error { return n.Network.Unbridge(ctx, task) })
}

// logs know one log group, and which container's output was shipped to its end.
type logs struct {
	mu      sync.Mutex
	drained map[string]bool
}

// mortalLogs ship in one agent's life.
type mortalLogs struct {
	*logs
	kill     *executioner
	mu       sync.Mutex
	followed map[string][]string // containers by task
}

func (l *mortalLogs) Prepare(_ context.Context, log logdriver.Source) error {
	return l.kill.at("Prepare", func() error {
		if group := log.Options["awslogs-group"]; log.Driver == "awslogs" && group != "/app" {
			return fmt.Errorf("ResourceNotFoundException: The specified log group does not exist: %s", group)
		}
		return nil
	})
}

func (l *mortalLogs) Follow(log logdriver.Source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := os.Stat(log.Dir); err == nil {
		l.followed[log.Task] = append(l.followed[log.Task], log.Container)
	}
}

func (l *mortalLogs) Drain(_ context.Context, task string, _ ...string) error {
	return l.kill.at("Drain", func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.logs.mu.Lock()
		defer l.logs.mu.Unlock()
		for _, c := range l.followed[task] {
			l.drained[task+"/"+c] = true
		}
		return nil
	})
}

func (l *mortalLogs) Forget(string) {}

// controlPlane answers tasks' requests.
type controlPlane struct{}

func (controlPlane) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &strings.Builder{}
	fmt.Fprintf(w, "%s %s %s", r.Method, r.Host, r.URL.Path)
	return &http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: readCloser{strings.NewReader(w.String())}, Request: r}, nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
