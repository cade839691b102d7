package session

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/coder/websocket"

	"github.com/berth-dev/berth/internal/wire/client"
	"github.com/berth-dev/berth/internal/wire/sigv4"
)

// dialer is a session that can dial.
func dialer() *Session {
	return &Session{Config: Config{Version: "1", Client: client.New("http://unused", client.Static("AKIAAGENT", "secret", ""), "us-east-1")}}
}

func TestTheUpgradeIsSignedAndFramesPass(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signature, err := sigv4.Parse(r)
		if err != nil || signature.AccessKeyID != "AKIAAGENT" || signature.Scope.Service != "ecs" || r.URL.Path != "/acs/ws" || r.URL.Query().Get("clusterArn") != "default" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		w.Header().Set("Berth-Protocol", "7")
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		_, data, err := c.Read(r.Context())
		if err == nil {
			_ = c.Write(r.Context(), websocket.MessageText, append([]byte("echo "), data...))
		}
		_, _, _ = c.Read(r.Context())
	}))
	defer server.Close()
	c, protocol, err := dialer().connect(t.Context(), server.URL+"/acs", url.Values{"clusterArn": {"default"}})
	if err != nil || protocol != 7 {
		t.Fatal(protocol, err)
	}
	if err := c.Send(t.Context(), []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if data, err := c.Receive(t.Context()); err != nil || string(data) != "echo hello" {
		t.Errorf("received %q, %v", data, err)
	}
	c.Close("done")
	if _, err := c.Receive(context.Background()); err == nil {
		t.Error("a closed connection receives")
	}
}

func TestARefusedUpgradeSaysWhy(t *testing.T) {
	for body, want := range map[string]refused{
		`{"type":"InactiveInstanceException","message":{"message":"gone"}}`: {"InactiveInstanceException", "gone"},
		`{"InvalidInstanceException":"never seen"}`:                         {"InvalidInstanceException", "never seen"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, http.StatusBadRequest) }))
		_, _, err := dialer().connect(t.Context(), server.URL+"/acs", nil)
		var got *refused
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%s: %v", body, err)
		}
		server.Close()
	}
}
