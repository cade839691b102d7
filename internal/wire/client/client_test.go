package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire"
	"github.com/berth-dev/berth/internal/wire/client"
)

type oneKey struct{}

func (oneKey) Lookup(_ context.Context, id, _ string, _ *http.Request) (wire.Credential, error) {
	if id != "AK" {
		return wire.Credential{}, wire.ErrUnknownKey
	}
	return wire.Credential{Secret: "secret", Caller: wire.Caller{Account: "000000000000"}}, nil
}

func newServer(t *testing.T) (endpoint string, runs *atomic.Int32) {
	runs = new(atomic.Int32)
	s := wire.New(wire.Config{Credentials: oneKey{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	e := s.Service(&ecs.API)
	wire.Handle(e, ecs.CreateCluster, func(ctx context.Context, in *ecs.CreateClusterRequest) (*ecs.CreateClusterResponse, error) {
		return &ecs.CreateClusterResponse{Cluster: &ecs.Cluster{ClusterName: in.ClusterName + "@" + wire.CallerOf(ctx).Region}}, nil
	})
	wire.Handle(e, ecs.RunTask, func(context.Context, *ecs.RunTaskRequest) (*ecs.RunTaskResponse, error) {
		runs.Add(1)
		return nil, errors.New("the disk is full")
	})
	wire.Handle(e, ecs.ListTasks, func(context.Context, *ecs.ListTasksRequest) (*ecs.ListTasksResponse, error) {
		if runs.Add(1) < 3 {
			return nil, errors.New("not now")
		}
		return &ecs.ListTasksResponse{TaskArns: []string{"a"}}, nil
	})
	wire.Handle(e, ecs.DescribeClusters, func(context.Context, *ecs.DescribeClustersRequest) (*ecs.DescribeClustersResponse, error) {
		e := wire.Errorf(ecs.InvalidParameterException, "No.")
		e.Fields = map[string]any{"resourceIds": []string{"x"}}
		return nil, e
	})
	s.Handle("POST /_berth/echo", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return srv.URL, runs
}

func newClient(endpoint, key string) *client.Client {
	c := client.New(endpoint, client.Static(key, "secret", ""), "eu-west-1")
	c.Backoff = time.Microsecond
	return c
}

func TestCall(t *testing.T) {
	endpoint, _ := newServer(t)
	out, err := client.Call(t.Context(), newClient(endpoint, "AK"), ecs.CreateCluster, &ecs.CreateClusterRequest{ClusterName: "one"})
	if err != nil || out.Cluster.ClusterName != "one@eu-west-1" {
		t.Fatalf("%+v %v", out, err)
	}
	if b, err := newClient(endpoint, "AK").Do(t.Context(), "POST", "/_berth/echo", []byte("hello")); err != nil || string(b) != "hello" {
		t.Errorf("%q %v", b, err)
	}
}

func TestAnsweredErrorsAreTyped(t *testing.T) {
	endpoint, _ := newServer(t)
	_, err := client.Call(t.Context(), newClient(endpoint, "other"), ecs.CreateCluster, &ecs.CreateClusterRequest{})
	var e *client.Error
	if !errors.As(err, &e) || e.Code != "UnrecognizedClientException" || e.Status != 400 || e.RequestID == "" {
		t.Errorf("%v", err)
	}
	_, err = client.Call(t.Context(), newClient(endpoint, "AK"), ecs.DescribeClusters, &ecs.DescribeClustersRequest{})
	if !errors.As(err, &e) || e.Message != "No." || len(e.Fields) != 1 {
		t.Errorf("%#v", err)
	}
}

func TestOnlyReadsAreRepeatedAfterAFailure(t *testing.T) {
	endpoint, runs := newServer(t)
	c := newClient(endpoint, "AK")
	if _, err := client.Call(t.Context(), c, ecs.RunTask, &ecs.RunTaskRequest{TaskDefinition: "x"}); err == nil || runs.Load() != 1 {
		t.Errorf("RunTask ran %d times: %v", runs.Load(), err)
	}
	runs.Store(0)
	out, err := client.Call(t.Context(), c, ecs.ListTasks, &ecs.ListTasksRequest{})
	if err != nil || len(out.TaskArns) != 1 || runs.Load() != 3 {
		t.Errorf("ListTasks ran %d times: %v", runs.Load(), err)
	}
}

func TestWhatNeverReachedTheServerIsRepeated(t *testing.T) {
	endpoint, _ := newServer(t)
	c := newClient(endpoint, "AK")
	var dials atomic.Int32
	c.HTTP.Transport = &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) < 3 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	if _, err := client.Call(t.Context(), c, ecs.CreateCluster, &ecs.CreateClusterRequest{}); err != nil || dials.Load() != 3 {
		t.Errorf("%d dials: %v", dials.Load(), err)
	}
}

func TestACancelledCallReturns(t *testing.T) {
	endpoint, _ := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Call(ctx, newClient(endpoint, "AK"), ecs.CreateCluster, &ecs.CreateClusterRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
