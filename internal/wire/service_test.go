package wire_test

import (
	"context"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/wire"
)

func TestOperationsTellWhatIsBuilt(t *testing.T) {
	got := map[string]wire.OperationInfo{}
	for _, op := range newServer(atNoon).Operations() {
		got[op.Service+"."+op.Name] = op
	}
	register := got["ecs.RegisterTaskDefinition"]
	if !register.Built || register.Note != "nothing runs of it" || len(register.Members) != 18 {
		t.Errorf("%+v", register)
	}
	members := map[string]wire.MemberInfo{}
	var gather func([]wire.MemberInfo)
	gather = func(list []wire.MemberInfo) {
		for _, m := range list {
			gather(m.Members)
			m.Members = nil
			members[m.Path] = m
		}
	}
	gather(register.Members)
	const code = ecs.InvalidParameterException
	for _, want := range []wire.MemberInfo{
		{Path: "family"},
		{Path: "containerDefinitions"},
		{Path: "containerDefinitions.linuxParameters.tmpfs.size"},
		{Path: "containerDefinitions.name", Note: "short"},
		{Path: "containerDefinitions.secrets", Error: code, Why: "secrets are not built"},
		{Path: "proxyConfiguration", Error: code, Why: "proxies are not built."},
		{Path: "requiresCompatibilities", Error: code, Why: "tasks run on EC2", Accepted: []string{"EC2"}},
	} {
		if m := members[want.Path]; !reflect.DeepEqual(m, want) {
			t.Errorf("%+v\nwant %+v", m, want)
		}
	}
	if _, ok := members["proxyConfiguration.type"]; ok {
		t.Error("members of a refused one are listed")
	}
	if op, ok := got["ecs.CreateService"]; !ok || op.Built || op.Error != "UnknownOperationException" {
		t.Errorf("%+v %v", op, ok)
	}
	if op := got["ec2.RunInstances"]; op.Error != "InvalidAction" {
		t.Errorf("%+v", op)
	}
	if len(got) < 77+43+11 {
		t.Errorf("only %d operations", len(got))
	}
}

func TestAMistakenRegistrationPanics(t *testing.T) {
	handler := func(context.Context, *ecs.CreateClusterRequest) (*ecs.CreateClusterResponse, error) { return nil, nil }
	for name, register := range map[string]func(*wire.Service, *wire.Service){
		"twice": func(e, _ *wire.Service) {
			wire.Handle(e, ecs.CreateCluster, handler)
			wire.Handle(e, ecs.CreateCluster, handler)
		},
		"another service":      func(_, l *wire.Service) { wire.Handle(l, ecs.CreateCluster, handler) },
		"a member that is not": func(e, _ *wire.Service) { wire.Handle(e, ecs.CreateCluster, handler, wire.Refuse("name", "")) },
		"a note on no member":  func(e, _ *wire.Service) { wire.Handle(e, ecs.CreateCluster, handler, wire.Note("name", "")) },
		"a check of another input": func(e, _ *wire.Service) {
			wire.Handle(e, ecs.CreateCluster, handler, wire.Validate(func(*ecs.DeleteClusterRequest) error { return nil }))
		},
		"a member's wrong inner": func(e, _ *wire.Service) { wire.Handle(e, ecs.CreateCluster, handler, wire.Refuse("tags.name", "")) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it was taken")
				}
			}()
			s := wire.New(wire.Config{Credentials: oneKey{}})
			register(s.Service(&ecs.API), s.Service(&logs.API))
		})
	}
}

func TestAClientThatIsTooSlowIsToldSo(t *testing.T) {
	srv := newServer(time.Now).HTTP()
	srv.ReadTimeout = 50 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(l)
	defer srv.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nX-Amz-Target: A.B\r\n\r\n{"))
	answer := make([]byte, 4096)
	n, err := c.Read(answer)
	if err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 408 ") || !strings.Contains(string(answer[:n]), "RequestTimeout") {
		t.Errorf("%q %v", answer[:n], err)
	}
}

func TestAnInFlightRequestOutlivesShutdown(t *testing.T) {
	s := wire.New(wire.Config{Credentials: oneKey{}, Log: quiet})
	entered, leave := make(chan bool), make(chan bool)
	wire.Handle(s.Service(&ecs.API), ecs.CreateCluster, func(context.Context, *ecs.CreateClusterRequest) (*ecs.CreateClusterResponse, error) {
		entered <- true
		<-leave
		return &ecs.CreateClusterResponse{Cluster: &ecs.Cluster{ClusterName: "late"}}, nil
	})
	srv := s.HTTP()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(l)
	answered, stopped := make(chan string), make(chan error)
	go func() { answered <- post(t, "http://"+l.Addr().String(), ecsTarget+"CreateCluster", "{}") }()
	<-entered
	go func() { stopped <- srv.Shutdown(context.Background()) }()
	leave <- true
	if got := <-answered; !strings.Contains(got, "late") {
		t.Errorf("%s", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// What AWS would not take is told before what Berth refuses.
func TestTheServicesOwnErrorComesFirst(t *testing.T) {
	s := newServer(atNoon)
	for family, want := range map[string]string{
		"a b": `{"__type":"ClientException","message":"Family contains invalid characters."}`,
		"f":   `{"__type":"InvalidParameterException","message":"The parameter proxyConfiguration of RegisterTaskDefinition is not supported by Berth yet: proxies are not built. See docs/compatibility.md."}`,
	} {
		answer := call(t, s, "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition",
			`{"family": "`+family+`", "containerDefinitions": [], "proxyConfiguration": {"containerName": "x"}}`)
		if got := strings.TrimSpace(answer.Body.String()); answer.Code != 400 || got != want {
			t.Errorf("%q answers %d %s\n want %s", family, answer.Code, got, want)
		}
	}
}
