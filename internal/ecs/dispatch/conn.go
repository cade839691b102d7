package dispatch

import (
	"context"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// conn is an agent's connection. One goroutine receives, one sends; Close may be called from any, more than once.
type conn interface {
	Receive(ctx context.Context) ([]byte, error)
	Send(ctx context.Context, frame []byte) error
	Close(code websocket.StatusCode, reason string)
}

// sendTimeout is how long an agent may leave a frame unread before it counts as gone.
const sendTimeout = 20 * time.Second

// socket is the conn over a websocket.
type socket struct{ *websocket.Conn }

// accept upgrades a request whose signature and origin have been checked.
func accept(w http.ResponseWriter, r *http.Request) (conn, error) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(maxFrame)
	return socket{c}, nil
}

func (s socket) Receive(ctx context.Context) ([]byte, error) {
	_, data, err := s.Read(ctx)
	return data, err
}

func (s socket) Send(ctx context.Context, frame []byte) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return s.Write(ctx, websocket.MessageText, frame)
}

func (s socket) Close(code websocket.StatusCode, reason string) { _ = s.Conn.Close(code, reason) }
