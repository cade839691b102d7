package agent

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/berth-dev/berth/api/ecs"
)

// plane is a control plane over real sockets: it registers whoever comes, hands out what it is told, and remembers
// what it hears.
type plane struct {
	*httptest.Server
	t testing.TB

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever something was heard
	heard   map[string][]jsontext.Value
	sockets map[string]*websocket.Conn // ACS by container instance
}

func newPlane(t testing.TB) *plane {
	p := &plane{t: t, changed: make(chan struct{}), heard: map[string][]jsontext.Value{}, sockets: map[string]*websocket.Conn{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *plane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/ws") {
		p.serveSocket(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	p.hear(operation, body)
	switch operation {
	case "RegisterContainerInstance":
		name := "ec2"
		if strings.Contains(string(body), PoolAttribute) {
			name = "fargate"
		}
		_, _ = io.WriteString(w, `{"containerInstance":{"containerInstanceArn":"arn:instance/`+name+`"}}`)
	case "DiscoverPollEndpoint":
		_, _ = io.WriteString(w, `{"endpoint":"`+p.URL+`/acs","telemetryEndpoint":"`+p.URL+`/tcs"}`)
	default:
		_, _ = io.WriteString(w, "{}")
	}
}

func (p *plane) serveSocket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(1 << 20)
	if strings.HasPrefix(r.URL.Path, "/acs") {
		p.mu.Lock()
		p.sockets[r.URL.Query().Get("containerInstanceArn")] = c
		p.mu.Unlock()
		p.hear("connected", []byte(`"`+r.URL.Query().Get("containerInstanceArn")+`"`))
	}
	for {
		_, data, err := c.Read(r.Context())
		if err != nil {
			return
		}
		var f struct {
			Type    string         `json:"type"`
			Message jsontext.Value `json:"message"`
		}
		if _, body, signed := bytes.Cut(data, []byte("\r\n\r\n")); signed { // telemetry
			data = body
		}
		if json.Unmarshal(data, &f) == nil {
			p.hear(f.Type, f.Message)
		}
	}
}

func (p *plane) hear(what string, body jsontext.Value) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard[what] = append(p.heard[what], body.Clone())
	close(p.changed)
	p.changed = make(chan struct{})
}

// await waits until something was heard that satisfies the condition, from the nth on.
func (p *plane) await(what string, from int, is func(jsontext.Value) bool) jsontext.Value {
	p.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		p.mu.Lock()
		changed := p.changed
		for _, body := range p.heard[what][min(from, len(p.heard[what])):] {
			if is == nil || is(body) {
				p.mu.Unlock()
				return body
			}
		}
		p.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			p.t.Fatalf("no such %s was heard; these were: %s", what, p.heard[what])
		}
	}
}

func (p *plane) count(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.heard[what])
}

// send sends a payload of one task to an instance.
func (p *plane) send(instance, id, task string) {
	p.t.Helper()
	p.mu.Lock()
	c := p.sockets[instance]
	p.mu.Unlock()
	frame := `{"type":"PayloadMessage","message":{"clusterArn":"arn:cluster/default","containerInstanceArn":"` + instance + `","messageId":"` + id + `","seqNum":1,"tasks":[` + task + `]}}`
	if err := c.Write(p.t.Context(), websocket.MessageText, []byte(frame)); err != nil {
		p.t.Fatal(err)
	}
	p.await("AckRequest", 0, func(b jsontext.Value) bool { return strings.Contains(string(b), `"`+id+`"`) })
}

// change waits until a task is reported with a status.
func (p *plane) change(task, status string) (change ecs.SubmitTaskStateChangeRequest) {
	p.t.Helper()
	p.await("SubmitTaskStateChange", 0, func(b jsontext.Value) bool {
		change = ecs.SubmitTaskStateChangeRequest{}
		return json.Unmarshal(b, &change) == nil && change.Task == task && change.Status == status
	})
	return change
}
