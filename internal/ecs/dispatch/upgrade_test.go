package dispatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/coder/websocket"

	"github.com/berth-dev/berth/api/acs"
	api "github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// keys knows the keys of two agents, and those of a task.
type keys struct{}

func (keys) Lookup(_ context.Context, id, _ string, _ *http.Request) (wire.Credential, error) {
	switch id {
	case "AKIAAGENT":
		return wire.Credential{Secret: "secret", Caller: wire.Caller{Account: scope.Account, Kind: wire.Agent, Machine: "m1"}}, nil
	case "AKIAOTHER":
		return wire.Credential{Secret: "secret", Caller: wire.Caller{Account: scope.Account, Kind: wire.Agent, Machine: "m2"}}, nil
	case "ASIAEXECUTION":
		return wire.Credential{Secret: "secret", Caller: wire.Caller{Account: scope.Account, Kind: wire.Role, TaskARN: "arn:aws:ecs:us-east-1:000000000000:task/default/a"}}, nil
	case "ASIATASK":
		return wire.Credential{Secret: "secret", Caller: wire.Caller{Account: scope.Account, Kind: wire.Task}}, nil
	}
	return wire.Credential{}, wire.ErrUnknownKey
}

// served is a world behind the real server.
func served(t *testing.T) (*world, *httptest.Server) {
	w := newWorld(t)
	server := wire.New(wire.Config{Credentials: keys{}})
	w.Routes(server.Handle)
	wire.Handle(server.Service(&api.API), api.DiscoverPollEndpoint, w.DiscoverPollEndpoint)
	s := httptest.NewServer(server)
	t.Cleanup(s.Close)
	return w, s
}

// dial opens a socket as Amazon's agent does.
func dial(t *testing.T, server *httptest.Server, key, path string, query url.Values) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	address := server.URL + path + "?" + query.Encode()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: key, SecretAccessKey: "secret"}, req, emptyHash, "ecs", scope.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
	return websocket.Dial(t.Context(), address, &websocket.DialOptions{HTTPHeader: req.Header})
}

func acsQuery(cluster, instance string) url.Values {
	return url.Values{"agentHash": {"a8b3e7d3"}, "agentVersion": {"1.105.1"}, "clusterArn": {cluster}, "containerInstanceArn": {instance},
		"dockerVersion": {"DockerVersion: 20.10.24+dfsg1"}, "protocolVersion": {"2"}, "sendCredentials": {"true"}, "seqNum": {"1"}}
}

func next[T any](t *testing.T, c *websocket.Conn) (m T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		_, data, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		f, err := decodeFrame(data)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(fmt.Sprintf("%T", m), "."+f.Type) {
			m, err := message[T](f)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
	}
}

func TestSocketsAreOpenedAsTheAgentAsks(t *testing.T) {
	w, server := served(t)
	w.run(id('a'))
	arn := ecs.InstanceARN(scope, "default", instance)
	for _, cluster := range []string{"default", ecs.ClusterARN(scope, "default"), ""} {
		c, _, err := dial(t, server, "AKIAAGENT", "/acs/ws", acsQuery(cluster, arn))
		if err != nil {
			t.Fatal(err)
		}
		manifest := next[acs.TaskManifestMessage](t, c)
		payload := next[acs.PayloadMessage](t, c)
		if manifest.ContainerInstanceArn != arn || len(payload.Tasks) != 1 || payload.Tasks[0].Arn != arnOf(id('a')) {
			t.Errorf("manifest %+v, payload %+v", manifest, payload)
		}
		if i := w.instance().Value; i.Agent != (ecs.Agent{Version: "1.105.1", Hash: "a8b3e7d3", Docker: "20.10.24+dfsg1"}) {
			t.Errorf("agent %+v", i.Agent)
		}
		c.CloseNow()
	}
	c, _, err := dial(t, server, "AKIAAGENT", "/tcs/ws", url.Values{"cluster": {"default"}, "containerInstance": {arn}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for _, data := range recorded(t, "full-life-cycle.log", "TCS<-")[:2] {
		if err := c.Write(t.Context(), websocket.MessageText, data); err != nil {
			t.Fatal(err)
		}
	}
	next[tcs.AckPublishHealth](t, c)
	if got := w.task(id('a')).Containers[0].Health; got != "HEALTHY" {
		t.Errorf("health %s", got)
	}
}

func TestSocketsAreRefused(t *testing.T) {
	w, server := served(t)
	gone, berths := "22222222222222222222222222222222", "33333333333333333333333333333333"
	w.update(func(tx *store.Tx) error {
		return errors.Join(
			w.Tables.Instances.Put(tx, scope, gone, &ecs.Instance{ID: gone, Cluster: "default", Machine: "m1", Status: inactive, LeftAt: time.Now()}),
			w.Tables.Instances.Put(tx, scope, berths, &ecs.Instance{ID: berths, Cluster: "default", Machine: "m1", Status: inactive, Protocol: 1, Abandoned: true}))
	})
	arn := ecs.InstanceARN(scope, "default", instance)
	for _, c := range []struct {
		name, key, cluster, instance string
		status                       int
		code                         string
	}{
		{"an unknown instance", "AKIAAGENT", "default", ecs.InstanceARN(scope, "default", "unknown"), 400, `{"type":"InvalidInstanceException","message":{"message":"`},
		{"no instance", "AKIAAGENT", "default", "", 400, `{"type":"InvalidInstanceException"`},
		{"an instance of another account", "AKIAAGENT", "default", strings.Replace(arn, scope.Account, "210987654321", 1), 400, `{"type":"InvalidInstanceException"`},
		{"another cluster", "AKIAAGENT", "prod", arn, 400, `{"type":"InvalidClusterException"`},
		{"a deregistered instance", "AKIAAGENT", "default", ecs.InstanceARN(scope, "default", gone), 400, `{"type":"InactiveInstanceException","message":{"message":"`},
		{"a deregistered instance of Berth's agent, which stops what it runs then", "AKIAAGENT", "default", ecs.InstanceARN(scope, "default", berths), 400, `{"type":"InactiveInstanceException"`},
		{"a task's credentials", "ASIATASK", "default", arn, 400, `{"type":"AccessDeniedException"`},
		{"those of a task's execution role", "ASIAEXECUTION", "default", arn, 400, `{"type":"AccessDeniedException"`},
		{"another machine's agent", "AKIAOTHER", "default", arn, 400, `{"type":"AccessDeniedException"`},
		{"an unknown key", "AKIANOBODY", "default", arn, 403, "UnrecognizedClientException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, resp, err := dial(t, server, c.key, "/acs/ws", acsQuery(c.cluster, c.instance))
			if err == nil {
				conn.CloseNow()
				t.Fatal("opened")
			}
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != c.status || !strings.Contains(string(body), c.code) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
	if i, _ := w.Tables.Instances.Get(scope, berths); i.Value.LeftAt.IsZero() || !strings.Contains(i.Value.StatusReason, "has been told") {
		t.Errorf("it does not say that Berth's agent was told: %+v", i.Value)
	}
	t.Run("one that comes back all the time", func(t *testing.T) {
		for range comeBackBurst + 5 {
			conn, resp, err := dial(t, server, "AKIAAGENT", "/acs/ws", acsQuery("default", arn))
			if err == nil {
				conn.CloseNow()
				continue
			}
			if resp == nil || resp.StatusCode != http.StatusTooManyRequests {
				t.Errorf("%v", err)
			}
			return
		}
		t.Error("never told to come later")
	})
}

func TestEndpoints(t *testing.T) {
	w := newWorld(t)
	as := func(kind wire.Kind) context.Context { return wire.WithCaller(t.Context(), wire.Caller{Kind: kind}) }
	if _, err := w.DiscoverPollEndpoint(as(wire.Task), &api.DiscoverPollEndpointRequest{}); err == nil {
		t.Error("a task is told where agents' sockets are")
	}
	got, err := w.DiscoverPollEndpoint(as(wire.Agent), &api.DiscoverPollEndpointRequest{})
	if err != nil || got.Endpoint != "http://127.0.0.1:4566/acs" || got.TelemetryEndpoint != "http://127.0.0.1:4566/tcs" {
		t.Errorf("%+v, %v", got, err)
	}
}
