// Package protocol holds the agent protocol by both its ends: the control plane as it is assembled and Berth's agent,
// over real sockets. The machine below the agent is a fake.
package protocol

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ec2"
	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/agent"
	"github.com/berth-dev/berth/internal/agent/engine/fake"
	"github.com/berth-dev/berth/internal/agent/network"
	"github.com/berth-dev/berth/internal/iam"
	"github.com/berth-dev/berth/internal/logs/journal"
	"github.com/berth-dev/berth/internal/server"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire/client"
)

const (
	account = "000000000000"
	region  = "us-east-1"
)

var scope = store.Scope{Account: account, Region: region}

// world is a control plane and a machine.
type world struct {
	t       *testing.T
	keys    iam.Keys
	server  *server.Server
	db      *store.DB
	http    *httptest.Server
	machine *fake.Machine
	network nets
	dir     string
	stop    func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, machine: fake.NewMachine(), network: nets{fake.NewNetwork()}, dir: t.TempDir(), stop: func() {}}
	var err error
	if w.keys, err = iam.OpenKeys(filepath.Join(w.dir, "keys")); err != nil {
		t.Fatal(err)
	}
	logs, err := journal.OpenPebble(filepath.Join(w.dir, "logs"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w.db = store.Memory()
	w.server = server.New(server.Config{DB: w.db, Journal: logs, Keys: w.keys, Account: account, Region: region,
		Endpoint: func() string { return w.http.URL }, Log: slog.New(slog.DiscardHandler)})
	w.http = httptest.NewServer(w.server.Wire)
	if err := w.server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.stop()
		w.server.Stop()
		w.http.Close()
		w.db.Close()
		logs.Close()
	})
	return w
}

func (w *world) client() *client.Client {
	dev := w.keys.Dev()
	return client.New(w.http.URL, client.Static(dev.ID, dev.Secret, ""), region)
}

// startAgent begins a life of the agent, on the same directory and machine each time.
func (w *world) startAgent() {
	w.t.Helper()
	key, err := w.server.IAM.IssueAgent(w.t.Context(), "machine-1")
	if err != nil {
		w.t.Fatal(err)
	}
	a := agent.New(agent.Config{
		Dir: filepath.Join(w.dir, "agent"), Machine: "machine-1", Endpoint: w.http.URL, Region: region,
		Credentials: client.Static(key.ID, key.Secret, ""), Engine: w.machine.Engine(), Network: w.network,
		Identities: []agent.Identity{{Name: "default"}, {Name: "fargate", Fargate: true}},
		Version:    "0.0.0", Hash: "test", Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			w.t.Errorf("the agent ended: %v", err)
		}
	})
}

// nets gives every task an address of the machine's link.
type nets struct{ *fake.Network }

func (n nets) Attach(ctx context.Context, net network.TaskNet) (network.Attached, error) {
	made, err := n.Network.Attach(ctx, net)
	made.HostAddress = netip.MustParseAddr("10.255.0.7")
	return made, err
}

// until waits for a condition.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	limit := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-limit:
			w.t.Fatalf("waited in vain until %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (w *world) define(family string, mode ecs.NetworkMode, fargate bool) {
	w.t.Helper()
	in := &ecs.RegisterTaskDefinitionRequest{Family: family, NetworkMode: mode, ContainerDefinitions: []ecs.ContainerDefinition{{Name: "web", Image: "berth/hello", Memory: ptr[int32](64)}}}
	if fargate {
		in.RequiresCompatibilities, in.Cpu, in.Memory = []ecs.Compatibility{ecs.CompatibilityFargate}, "256", "512"
	}
	if _, err := client.Call(w.t.Context(), w.client(), ecs.RegisterTaskDefinition, in); err != nil {
		w.t.Fatal(err)
	}
}

// run runs tasks and returns their ARNs.
func (w *world) run(in *ecs.RunTaskRequest) (arns []string) {
	w.t.Helper()
	out, err := client.Call(w.t.Context(), w.client(), ecs.RunTask, in)
	if err != nil || len(out.Failures) > 0 {
		w.t.Fatalf("%v %+v", err, out)
	}
	for _, t := range out.Tasks {
		arns = append(arns, t.TaskArn)
	}
	return arns
}

func (w *world) describe(arns ...string) []ecs.Task {
	w.t.Helper()
	out, err := client.Call(w.t.Context(), w.client(), ecs.DescribeTasks, &ecs.DescribeTasksRequest{Tasks: arns})
	if err != nil || len(out.Failures) > 0 {
		w.t.Fatalf("%v %+v", err, out)
	}
	return out.Tasks
}

func (w *world) untilAll(status string, arns ...string) {
	w.t.Helper()
	w.until(fmt.Sprint(arns, " are ", status), func() bool {
		for _, t := range w.describe(arns...) {
			if t.LastStatus != status {
				return false
			}
		}
		return true
	})
}

func (w *world) joined() {
	w.t.Helper()
	w.until("both identities are connected", func() bool { return w.server.Joined("machine-1", 2) })
}

func ptr[T any](v T) *T { return &v }

func TestTasksRunAndStop(t *testing.T) {
	w := newWorld(t)
	w.startAgent()
	w.joined()
	w.define("hosted", ecs.NetworkModeHost, false)
	arns := w.run(&ecs.RunTaskRequest{TaskDefinition: "hosted", Count: ptr[int32](10)})
	w.untilAll("RUNNING", arns...)
	for _, arn := range arns {
		if _, err := client.Call(t.Context(), w.client(), ecs.StopTask, &ecs.StopTaskRequest{Task: arn}); err != nil {
			t.Fatal(err)
		}
	}
	w.untilAll("STOPPED", arns...)
	w.until("nothing is left on the machine", func() bool { return len(w.machine.Tasks()) == 0 })
}

func TestWhatRunsOutlivesTheAgent(t *testing.T) {
	w := newWorld(t)
	w.startAgent()
	w.joined()
	w.define("hosted", ecs.NetworkModeHost, false)
	arns := w.run(&ecs.RunTaskRequest{TaskDefinition: "hosted", Count: ptr[int32](3)})
	w.untilAll("RUNNING", arns...)
	before := w.describe(arns...)

	w.stop()
	if _, err := client.Call(t.Context(), w.client(), ecs.StopTask, &ecs.StopTaskRequest{Task: arns[2]}); err != nil {
		t.Fatal(err)
	}
	w.startAgent()
	w.untilAll("STOPPED", arns[2])
	for i, task := range w.describe(arns[:2]...) {
		if task.LastStatus != "RUNNING" || task.Containers[0].RuntimeId != before[i].Containers[0].RuntimeId {
			t.Errorf("%+v", task)
		}
	}
	for name, n := range w.machine.Starts() {
		if n != 1 {
			t.Errorf("%s was started %d times", name, n)
		}
	}
}

func TestATaskHasItsInterface(t *testing.T) {
	w := newWorld(t)
	w.startAgent()
	w.joined()
	w.define("fargate", ecs.NetworkModeAwsvpc, true)
	subnets, err := client.Call(t.Context(), w.client(), ec2.DescribeSubnets, &ec2.DescribeSubnetsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	arns := w.run(&ecs.RunTaskRequest{TaskDefinition: "fargate", LaunchType: ecs.LaunchTypeFargate, NetworkConfiguration: &ecs.NetworkConfiguration{
		AwsvpcConfiguration: &ecs.AwsVpcConfiguration{Subnets: []string{subnets.Subnets[0].SubnetId}, AssignPublicIp: ecs.AssignPublicIpEnabled}}})
	w.untilAll("RUNNING", arns...)
	attachment := w.describe(arns...)[0].Attachments[0]
	if attachment.Status != "ATTACHED" {
		t.Errorf("attachment %+v", attachment)
	}
	net := w.network.List()
	if len(net) != 1 || net[0].VPCCIDR.String() != "172.31.0.0/16" || !net[0].SubnetCIDR.Contains(net[0].Address) || net[0].Gateway.String() == "" {
		t.Errorf("the agent made %+v", net)
	}
	w.until("the interface shows its address on the host", func() bool {
		out, err := client.Call(t.Context(), w.client(), ec2.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesRequest{})
		return err == nil && len(out.NetworkInterfaces) == 1 && out.NetworkInterfaces[0].Association != nil &&
			out.NetworkInterfaces[0].Association.PublicIp == "10.255.0.7"
	})
}

func TestWhatTheControlPlaneForgotIsStopped(t *testing.T) {
	w := newWorld(t)
	w.startAgent()
	w.joined()
	w.define("hosted", ecs.NetworkModeHost, false)
	arns := w.run(&ecs.RunTaskRequest{TaskDefinition: "hosted", Count: ptr[int32](2)})
	w.untilAll("RUNNING", arns...)
	w.stop()
	forgotten := arns[0][len(arns[0])-32:]
	err := w.db.Update(t.Context(), func(tx *store.Tx) error { return w.server.ECS.Tasks.Delete(tx, scope, forgotten) })
	if err != nil {
		t.Fatal(err)
	}
	w.startAgent()
	w.until("the forgotten task is gone", func() bool { return len(w.machine.Tasks()) == 1 })
	w.untilAll("RUNNING", arns[1])
}
