// Package client joins sessions of Session Manager, as the session-manager-plugin does: `berth exec` and `berth port-forward`
// are such clients, and so are tests of internal/ssm.
package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/berth-dev/berth/internal/ssm/datachannel"
)

// Access is what a session is joined with: its data channel, and a token that is good for one connection.
type Access struct{ StreamURL, Token string }

// Config is how to join.
type Config struct {
	Access
	// Version is the client's, which begins with "berth/" when it wants to know the exit code.
	Version string
	// Resume returns a new access once the connection has broken. Nil: the session ends with it.
	Resume func(ctx context.Context) (Access, error)
}

// Session is a session that was joined. Read and Write may be called at the same time, each by one goroutine.
type Session struct {
	// Type says what the session is.
	Type   datachannel.SessionType
	config Config
	id     string
	stream *datachannel.Stream
	life   context.Context
	end    context.CancelCauseFunc
	served chan struct{}
	rest   []byte       // received and not read
	code   atomic.Int64 // the exit code; -1 while it isn't known
}

// ErrEnded is returned once the session is over and all of its output was received.
var ErrEnded = errors.New("the session has ended")

// Join joins a session and takes part in its handshake. The session lives until Close, or until ctx ends.
func Join(ctx context.Context, config Config) (*Session, error) {
	s := &Session{config: config, id: uuid.NewString(), stream: datachannel.NewStream(datachannel.Input), served: make(chan struct{})}
	s.code.Store(-1)
	s.life, s.end = context.WithCancelCause(ctx)
	socket, err := s.dial(config.Access)
	if err != nil {
		s.end(err)
		return nil, err
	}
	go s.serve(socket)
	if err := s.handshake(); err != nil {
		s.end(err)
		<-s.served
		return nil, err
	}
	return s, nil
}

const dialTime = 15 * time.Second

// dial opens a connection and says whose it is.
func (s *Session) dial(a Access) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(s.life, dialTime)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, a.StreamURL, nil)
	if err != nil {
		return nil, fmt.Errorf("open the session's data channel: %w", err)
	}
	socket.SetReadLimit(datachannel.MaxMessage)
	opening, err := json.Marshal(datachannel.Opening{MessageSchemaVersion: "1.0", RequestID: uuid.NewString(), TokenValue: a.Token,
		ClientID: s.id, ClientVersion: s.config.Version})
	if err == nil {
		err = socket.Write(ctx, websocket.MessageText, opening)
	}
	if err != nil {
		socket.CloseNow()
		return nil, fmt.Errorf("open the session's data channel: %w", err)
	}
	return socket, nil
}

// serve carries the session over one connection after another.
func (s *Session) serve(socket *websocket.Conn) {
	defer close(s.served)
	for {
		err := s.stream.Serve(s.life, channel{socket})
		socket.CloseNow()
		switch {
		case errors.Is(err, datachannel.ErrClosed):
			if said := s.stream.Farewell(); said != "" {
				err = errors.New(said)
			} else {
				err = ErrEnded
			}
			s.end(err)
			return
		case s.life.Err() != nil:
			return
		case s.config.Resume == nil || websocket.CloseStatus(err) == websocket.StatusPolicyViolation:
			s.end(fmt.Errorf("the connection to the session is lost: %w", err))
			return
		}
		if socket, err = s.resume(); err != nil {
			s.end(fmt.Errorf("the connection to the session is lost: %w", err))
			return
		}
	}
}

// resumes is how often a client tries to come back, as often as the plugin.
const resumes = 5

func (s *Session) resume() (socket *websocket.Conn, err error) {
	for wait := 100 * time.Millisecond; wait < 100*time.Millisecond<<resumes; wait *= 2 {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.life.Done():
			return nil, context.Cause(s.life)
		}
		var a Access
		if a, err = s.config.Resume(s.life); err == nil {
			if socket, err = s.dial(a); err == nil {
				return socket, nil
			}
		}
	}
	return nil, err
}

// handshake answers what the session asks of its client.
func (s *Session) handshake() error {
	for {
		p, err := s.stream.Receive(s.life)
		if err != nil {
			return err
		}
		switch p.Type {
		case datachannel.HandshakeRequest:
			if err := s.answer(p.Data); err != nil {
				return err
			}
		case datachannel.HandshakeComplete:
			return nil
		}
	}
}

func (s *Session) answer(request []byte) error {
	var r datachannel.Request
	if err := json.Unmarshal(request, &r); err != nil {
		return fmt.Errorf("the session's handshake: %w", err)
	}
	response := datachannel.Response{ClientVersion: s.config.Version, Processed: []datachannel.Processed{}, Errors: []string{}}
	for _, a := range r.Actions {
		done := datachannel.Processed{Type: a.Type, Status: datachannel.Succeeded}
		var parameters datachannel.SessionTypeParameters
		if a.Type != "SessionType" || json.Unmarshal(a.Parameters, &parameters) != nil {
			done.Status, done.Error = 2, "this client knows no action "+strconv.Quote(a.Type)
		}
		s.Type = parameters.SessionType
		response.Processed = append(response.Processed, done)
	}
	body, err := json.Marshal(response)
	if err != nil {
		return err
	}
	return s.stream.Send(s.life, datachannel.HandshakeResponse, body)
}

// channel is a websocket as a stream uses it.
type channel struct{ *websocket.Conn }

func (c channel) Receive(ctx context.Context) ([]byte, error) {
	_, data, err := c.Read(ctx)
	return data, err
}

func (c channel) Send(ctx context.Context, message []byte) error {
	return c.Write(ctx, websocket.MessageBinary, message)
}
