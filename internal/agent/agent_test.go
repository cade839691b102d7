package agent

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/internal/agent/engine/fake"
	"github.com/berth-dev/berth/internal/wire/client"
)

const (
	idA  = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	arnA = "arn:aws:ecs:us-east-1:123456789012:task/default/" + idA
)

// onAWSVPC is a task in awsvpc mode whose output is shipped.
func onAWSVPC(desired string) string {
	return `{"arn":"` + arnA + `","taskClusterArn":"arn:cluster/default","family":"web","version":"1","desiredStatus":"` + desired + `","networkMode":"awsvpc","launchType":"FARGATE",
		"containers":[{"name":"web","image":"web:1","essential":true,"cpu":0,"memory":0,"dockerConfig":{"config":"{}","hostConfig":"{\"LogConfig\":{\"Type\":\"awslogs\",\"Config\":{\"awslogs-group\":\"/app\",\"awslogs-region\":\"us-east-1\",\"awslogs-stream-prefix\":\"s\"}}}"}}],
		"elasticNetworkInterfaces":[{"attachmentArn":"arn:attachment","ec2Id":"eni-1","macAddress":"02:00:00:00:00:04","ipv4Addresses":[{"privateAddress":"172.31.0.4","primary":true}],
		"subnetGatewayIpv4Address":"172.31.0.1/20","domainNameServers":["172.31.0.2"],"berthVpcId":"vpc-1"}]}`
}

// living is an agent that runs.
type living struct {
	*Agent
	end func()
}

func live(t *testing.T, p *plane, dir string, m *fake.Machine, n *fake.Network) *living {
	t.Helper()
	a := &living{Agent: New(Config{
		Dir: dir, Machine: "m-1", Endpoint: p.URL, Region: "us-east-1", Credentials: client.Static("AKIAAGENT", "secret", ""),
		Engine: m.Engine(), Network: n, Identities: []Identity{{Name: "ec2"}, {Name: "fargate", Fargate: true}},
		ReservedPorts: []int{4566}, Version: "1", Hash: "abc", Log: slog.New(slog.DiscardHandler),
	})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := a.Run(ctx); ctx.Err() == nil {
			t.Errorf("the agent ended: %v", err)
		}
	}()
	a.end = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(a.end)
	return a
}

func TestTheWholeAgentOverRealSockets(t *testing.T) {
	p, m, n := newPlane(t), fake.NewMachine(), fake.NewNetwork()
	m.Script("web:1", fake.Behaviour{Output: []string{"hello"}, StopCode: 3})
	dir := filepath.Join(t.TempDir(), "agent")
	a := live(t, p, dir, m, n)

	for _, instance := range []string{"arn:instance/ec2", "arn:instance/fargate"} {
		p.await("connected", 0, func(b jsontext.Value) bool { return strings.Contains(string(b), instance) })
	}
	registered := p.await("RegisterContainerInstance", 0, func(b jsontext.Value) bool { return strings.Contains(string(b), "berth.pool") })
	for _, want := range []string{`{"name":"berth.machine","value":"m-1"}`, `{"name":"berth.protocol","value":"3"}`, `{"name":"ecs.os-type","value":"linux"}`,
		`{"name":"ecs.capability.task-eni"}`, `"name":"CPU"`, `"stringSetValue":["22","2375","2376","51678","51679","4566"]`, `"name":"PORTS_UDP"`} {
		if !strings.Contains(string(registered), want) {
			t.Errorf("%s is missing in %s", want, registered)
		}
	}

	p.send("arn:instance/fargate", "m-1", onAWSVPC("RUNNING"))
	p.await("BerthAttachedMessage", 0, nil)
	running := p.change(arnA, "RUNNING")
	if running.Cluster != "default" || running.Containers[0].Status != "RUNNING" || running.Attachments[0].Status != "ATTACHED" {
		t.Errorf("reported %+v", running)
	}
	p.await("CreateLogStream", 0, func(b jsontext.Value) bool { return strings.Contains(string(b), "s/web/"+idA) })
	p.await("PutLogEvents", 0, func(b jsontext.Value) bool { return strings.Contains(string(b), "hello") })

	// The agent ends; what it runs does not, and the next one knows it.
	before := m.Running()
	connected := p.count("connected")
	a.end()
	if got := m.Running(); !slices.Equal(got, before) || len(got) != 1 {
		t.Errorf("without an agent runs %v, before %v", got, before)
	}
	live(t, p, dir, m, n)
	p.await("connected", connected, func(b jsontext.Value) bool { return strings.Contains(string(b), "fargate") })
	p.send("arn:instance/fargate", "m-2", onAWSVPC("STOPPED"))
	stopped := p.change(arnA, "STOPPED")
	if c := stopped.Containers[0]; c.ExitCode == nil || *c.ExitCode != 3 {
		t.Errorf("reported %+v", stopped)
	}
	if got := m.Starts(); got[idA+"/web"] != 1 || len(got) != 1 {
		t.Errorf("starts %v", got)
	}
}

func TestForgetLeavesNothing(t *testing.T) {
	p, m, n := newPlane(t), fake.NewMachine(), fake.NewNetwork()
	dir := filepath.Join(t.TempDir(), "agent")
	a := live(t, p, dir, m, n)
	p.await("connected", 0, func(b jsontext.Value) bool { return strings.Contains(string(b), "ec2") })
	p.send("arn:instance/ec2", "m-1", onAWSVPC("RUNNING"))
	p.change(arnA, "RUNNING")
	a.end()
	if err := a.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 || len(m.Tasks()) != 0 || len(n.List()) != 0 {
		t.Errorf("left are %v, tasks %v, networks %v, %v", left, m.Tasks(), n.List(), err)
	}
	registered := p.count("RegisterContainerInstance")
	live(t, p, dir, m, n)
	again := p.await("RegisterContainerInstance", registered, nil)
	if strings.Contains(string(again), "arn:instance") {
		t.Errorf("the agent still knows its instance: %s", again)
	}
}

func TestAnIdentityThatIsGoneDoesNotHoldItsTasksUp(t *testing.T) {
	all := sessions{}
	if err := all.of("gone", nil); err == nil || !strings.Contains(err.Error(), `"gone"`) {
		t.Errorf("a report of an identity that is gone: %v", err)
	}
}
