package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// conn is a connected socket. Receive is called by one goroutine, Send by any.
type conn interface {
	Receive(ctx context.Context) ([]byte, error)
	Send(ctx context.Context, data []byte) error
	Close(reason string)
}

// dial opens one of the two sockets. The control plane says which version of Berth's additions it speaks; 0: none.
type dial func(ctx context.Context, endpoint string, query url.Values) (c conn, protocol int, err error)

// protocolHeader is where it says so.
const protocolHeader = "Berth-Protocol"

type socket struct{ *websocket.Conn }

func (s socket) Receive(ctx context.Context) ([]byte, error) {
	_, data, err := s.Read(ctx)
	return data, err
}

func (s socket) Send(ctx context.Context, data []byte) error {
	return s.Write(ctx, websocket.MessageText, data)
}

func (s socket) Close(reason string) { _ = s.Conn.Close(websocket.StatusNormalClosure, reason) }

// refused is the control plane's refusal to open a socket.
type refused struct{ code, message string }

func (r *refused) Error() string {
	return "the control plane refuses the session: " + r.code + ": " + r.message
}

// connect opens a socket below an endpoint that DiscoverPollEndpoint named. The upgrade is signed like any request.
func (s *Session) connect(ctx context.Context, endpoint string, query url.Values) (conn, int, error) {
	base, err := url.Parse(endpoint)
	if err != nil {
		return nil, 0, fmt.Errorf("endpoint %q: %w", endpoint, err)
	}
	u := base.JoinPath("ws")
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, 0, err
	}
	if err := s.Client.Sign(ctx, r, "ecs", nil); err != nil {
		return nil, 0, err
	}
	r.Header.Set("User-Agent", s.userAgent())
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, resp, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{HTTPClient: s.Client.HTTP, HTTPHeader: r.Header})
	if err != nil {
		return nil, 0, refusalIn(resp, err)
	}
	c.SetReadLimit(maxFrame)
	protocol, _ := strconv.Atoi(resp.Header.Get(protocolHeader))
	return socket{c}, protocol, nil
}

// refusalIn reads why an upgrade was refused: {"type":"X","message":{"message":"..."}} or {"X":"..."}.
func refusalIn(resp *http.Response, err error) error {
	if resp == nil || resp.Body == nil {
		return err
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	var long struct {
		Type    string `json:"type"`
		Message struct {
			Message string `json:"message"`
		} `json:"message"`
	}
	if json.Unmarshal(body, &long) == nil && long.Type != "" {
		return &refused{long.Type, long.Message.Message}
	}
	var short map[string]jsontext.Value
	if json.Unmarshal(body, &short) == nil {
		for code, text := range short {
			if strings.HasSuffix(code, "Exception") {
				return &refused{code, strings.Trim(string(text), `"`)}
			}
		}
	}
	return err
}

// Waits between one connection and the next.
const (
	// soon spreads the return of agents whose connection ended in the ordinary way.
	soon = 250 * time.Millisecond
	// most is the longest wait while the control plane cannot be reached.
	most = 2 * time.Minute
	// deregistered is the wait of an agent that was told its instance is gone for good.
	deregistered = time.Hour
)

// pacing decides how long to wait before the next connection: a moment when the last one had worked, longer and longer
// while none does. All of it is spread, so that a fleet does not come back as one.
type pacing struct{ failures int }

func (p *pacing) wait(worked bool, err error) time.Duration {
	var r *refused
	if errors.As(err, &r) && r.code == "InactiveInstanceException" {
		return spread(deregistered)
	}
	if worked {
		p.failures = 0
		return rand.N(soon)
	}
	d := soon
	for range min(p.failures, 20) {
		d = min(d*3/2, most)
	}
	p.failures++
	return spread(d)
}

// spread is d, a fifth more or less.
func spread(d time.Duration) time.Duration { return d - d/5 + rand.N(2*d/5) }
