package ssm

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/ssm/datachannel"
)

// channelPath is where clients open the data channel of a session. They prove who they are by its token.
const channelPath = "/v1/data-channel/"

func (s *Service) streamURL(session string) string {
	return "ws" + strings.TrimPrefix(s.Endpoint(), "http") + channelPath + session + "?role=publish_subscribe"
}

// client is one connection of a client.
type client struct {
	socket *websocket.Conn
	cancel context.CancelCauseFunc
	gone   chan struct{}
}

// Receive returns the next binary message; the plugin sends others only to keep the connection alive.
func (c *client) Receive(ctx context.Context) ([]byte, error) {
	for {
		kind, data, err := c.socket.Read(ctx)
		if err != nil || kind == websocket.MessageBinary {
			return data, err
		}
	}
}

// sendTime is how long a client may leave a message unread before it counts as gone: one that was stopped, or whose output
// nobody reads, may go on later.
const sendTime = 5 * time.Minute

// Send sends a binary message.
func (c *client) Send(ctx context.Context, message []byte) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	return c.socket.Write(ctx, websocket.MessageBinary, message)
}

// serveClient joins a connection to the session whose token it brings. One that brings none that is good, or that was used
// before, is told nothing else.
func (s *Service) serveClient(w http.ResponseWriter, r *http.Request) {
	socket, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	socket.SetReadLimit(datachannel.MaxMessage)
	defer socket.CloseNow()
	e := s.find(r.PathValue("session"))
	opening, err := readOpening(r.Context(), socket)
	if err != nil || e == nil || !e.admit(opening.TokenValue) {
		_ = socket.Close(websocket.StatusPolicyViolation, "the token does not open this session")
		return
	}
	e.serve(r.Context(), socket)
}

// readOpening reads the first message of a connection.
func readOpening(ctx context.Context, socket *websocket.Conn) (o datachannel.Opening, err error) {
	ctx, cancel := context.WithTimeout(ctx, openingWait)
	defer cancel()
	kind, data, err := socket.Read(ctx)
	if err == nil && kind != websocket.MessageText {
		err = errors.New("the first message is not the opening")
	}
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	return o, err
}

// serve carries the session over a connection until one of the two ends.
func (e *session) serve(ctx context.Context, socket *websocket.Conn) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := &client{socket: socket, cancel: cancel, gone: make(chan struct{})}
	defer close(c.gone)
	e.mu.Lock()
	old, over := e.client, e.closed
	if !over {
		e.client = c
		e.leave.Stop()
	}
	e.mu.Unlock()
	if over { // since the token was used
		return
	}
	if old != nil { // the client has given it up
		old.cancel(errors.New("the client has connected again"))
		<-old.gone
	}
	select {
	case e.came <- struct{}{}:
	default:
	}
	err := e.stream.Serve(ctx, c)
	e.mu.Lock()
	last := e.client == c
	if last {
		if e.client = nil; !e.closed {
			e.leave.Reset(clientWait)
		}
	}
	e.mu.Unlock()
	switch {
	case errors.Is(err, datachannel.ErrClosed):
		e.finish(errTerminated)
	case last && e.life.Err() == nil:
		e.service.Log.Info("a session's client is gone", "session", e.id, "reason", err)
	}
}

// closeTime bounds the end of a connection.
const closeTime = 2 * time.Second

// closeClient tells the client that the session is over, and closes its connection.
func (e *session) closeClient(farewell string) {
	e.mu.Lock()
	c := e.client
	e.closed = true
	e.leave.Stop()
	e.mu.Unlock()
	if c == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if c.Send(ctx, datachannel.CloseMessage(e.id, farewell, time.Now())) == nil {
		_ = c.socket.Close(websocket.StatusNormalClosure, "the session is over")
	}
	c.cancel(errTerminated)
	<-c.gone
}
