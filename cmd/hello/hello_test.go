package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

func get(t *testing.T, h http.Handler, target, accept string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestAnswers(t *testing.T) {
	t.Setenv("HELLO_SECRET", "s3cret")
	var log strings.Builder
	g := newGreeter(identity{"0123", "web"}, &log)
	for _, c := range []struct {
		name, target, accept string
		status               int
		says                 string
	}{
		{"says who answers", "/", "", 200, "task: 0123\ncontainer: web\n"},
		{"says it in HTML to a browser", "/", "text/html,*/*", 200, "<td>0123</td>"},
		{"is healthy", "/health", "", 200, "ok"},
		{"sleeps", "/slow?ms=1", "", 200, "slept 1ms"},
		{"burns", "/burn?ms=1", "", 200, "burned 1ms"},
		{"refuses an absurd time", "/burn?ms=99999999999", "", 400, "ms must be"},
		{"refuses no time", "/slow", "", 400, "ms must be"},
		{"hashes a variable", "/env/HELLO_SECRET", "", 200, "1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0"},
		{"knows no other variable", "/env/HELLO_OTHER", "", 404, "not set"},
		{"knows no other page", "/other", "", 404, "not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := get(t, g, c.target, c.accept)
			if status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("got %d %q, want %d with %q", status, body, c.status, c.says)
			}
		})
	}
	if lines := strings.Count(log.String(), "\n"); lines != 10 {
		t.Errorf("%d log lines for 10 requests:\n%s", lines, log.String())
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Error("the log shows a variable's value")
	}
}

func TestDrainsWhatIsUnderWay(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := newGreeter(identity{"0123", "web"}, io.Discard)
	began, finish := make(chan struct{}), make(chan struct{})
	g.routes.HandleFunc("/wait", func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-finish
		fmt.Fprint(w, "finished")
	})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serve(ctx, listener, g) }()
	address := listener.Addr().String()
	if err := health(address); err != nil {
		t.Fatal(err)
	}

	var body []byte
	var asking sync.WaitGroup
	asking.Go(func() {
		resp, err := http.Get("http://" + address + "/wait")
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		body, _ = io.ReadAll(resp.Body)
	})
	<-began
	stop()
	for { // until new connections are refused
		conn, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		conn.Close()
	}
	close(finish)
	asking.Wait()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if string(body) != "finished" {
		t.Errorf("the request under way got %q", body)
	}
	if health(address) == nil {
		t.Error("a stopped server is healthy")
	}
}

func TestAsksTheMetadataEndpoint(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"Name":"web","Labels":{"com.amazonaws.ecs.task-arn":"arn:aws:ecs:us-east-1:000000000000:task/default/0123"}}`)
	}))
	defer server.Close()
	t.Setenv("ECS_CONTAINER_METADATA_URI_V4", server.URL)
	if who := whoAmI(t.Context()); who != (identity{"0123", "web"}) {
		t.Errorf("got %+v", who)
	}
	server.Close()
	if who := whoAmI(t.Context()); who.task == "" || who.container == "" {
		t.Errorf("without an answer: %+v", who)
	}
}

func TestUnknownArguments(t *testing.T) {
	if err := run([]string{"nonsense"}); err == nil {
		t.Error("accepted")
	}
}
