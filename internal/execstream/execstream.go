// Package execstream is what agent and control plane say to each other of one session into a container, once a
// BerthSessionMessage has had the agent open the session's own websocket: what is typed and printed, the terminal's size,
// the end. internal/ssm is its one side, internal/agent/exec the other.
//
// Each binary message of the socket is a frame: one byte that says what it is, then its body.
package execstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
)

// Kind is a frame's first byte.
type Kind byte

// The kinds of frames.
const (
	Start  Kind = 1 // to the agent, once: begin, with a terminal of this Size
	Stdin  Kind = 2 // to the agent: what is typed, or a connection's bytes
	EOF    Kind = 3 // to the agent: no more Stdin comes
	Resize Kind = 4 // to the agent: a Size
	Stdout Kind = 5 // from the agent
	Stderr Kind = 6 // from the agent
	Ended  Kind = 7 // from the agent, last: an End
)

// MaxFrame bounds a frame, in bytes.
const MaxFrame = 64 << 10

// Size is of a terminal, in characters.
type Size struct {
	Width  uint16 `json:"width"`
	Height uint16 `json:"height"`
}

// End says how a session ended on the machine.
type End struct {
	ExitCode int `json:"exitCode"`
	// Error says why there was nothing that could exit.
	Error string `json:"error,omitzero"`
}

// Conn carries frames. One goroutine receives, any send.
type Conn struct{ socket *websocket.Conn }

// New returns the Conn over an open websocket.
func New(socket *websocket.Conn) Conn {
	socket.SetReadLimit(MaxFrame)
	return Conn{socket}
}

// Send sends a frame.
func (c Conn) Send(ctx context.Context, k Kind, body []byte) error {
	return c.socket.Write(ctx, websocket.MessageBinary, append([]byte{byte(k)}, body...))
}

// SendValue sends a frame whose body is v as JSON.
func (c Conn) SendValue(ctx context.Context, k Kind, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.Send(ctx, k, body)
}

// Receive returns the next frame.
func (c Conn) Receive(ctx context.Context) (Kind, []byte, error) {
	_, data, err := c.socket.Read(ctx)
	switch {
	case err != nil:
		return 0, nil, err
	case len(data) == 0:
		return 0, nil, errors.New("a frame of a session is empty")
	}
	return Kind(data[0]), data[1:], nil
}

// Value reads a frame's body as a T.
func Value[T any](body []byte) (v T, err error) {
	if err = json.Unmarshal(body, &v); err != nil {
		err = fmt.Errorf("decode a frame of a session: %w", err)
	}
	return v, err
}

// Close ends the stream in order. It may be called more than once.
func (c Conn) Close(reason string) {
	_ = c.socket.Close(websocket.StatusNormalClosure, reason[:min(len(reason), 120)])
}

// Break ends the stream at once.
func (c Conn) Break() { _ = c.socket.CloseNow() }
