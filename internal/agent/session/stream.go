package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/execstream"
)

// mostStreams bounds the sessions into containers of an identity at a time.
const mostStreams = 256

// streams are the sessions into containers that are open. They outlive the socket by which they were asked for.
type streams struct {
	life    context.Context
	serving sync.WaitGroup
	open    atomic.Int32
}

// openStream opens the stream of a session into a container that is here, and has it served.
func (s *Session) openStream(m acs.BerthSessionMessage, here bool) error {
	switch {
	case s.Serve == nil || !here:
		return fmt.Errorf("session %s is for no task that is here: %s", m.SessionId, m.TaskArn)
	case s.streams.open.Add(1) > mostStreams:
		s.streams.open.Add(-1)
		return fmt.Errorf("session %s is one more than the %d that there can be", m.SessionId, mostStreams)
	}
	s.streams.serving.Go(func() {
		defer s.streams.open.Add(-1)
		stream, err := s.dialStream(s.streams.life, m.SessionId)
		if err != nil {
			s.Log.Warn("a session's stream can't be opened", "session", m.SessionId, "error", err)
			return
		}
		s.Serve(s.streams.life, m, stream)
	})
	return nil
}

// dialStream opens a session's stream, beside the ACS socket.
func (s *Session) dialStream(ctx context.Context, session string) (execstream.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	where, err := s.endpoints(ctx)
	if err != nil {
		return execstream.Conn{}, err
	}
	base, err := url.Parse(where.Endpoint)
	if err != nil {
		return execstream.Conn{}, err
	}
	if session == "" || url.PathEscape(session) != session {
		return execstream.Conn{}, errors.New("the session's id is not one")
	}
	u := base.JoinPath("session", session)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return execstream.Conn{}, err
	}
	if err := s.Client.Sign(ctx, r, "ecs", nil); err != nil {
		return execstream.Conn{}, err
	}
	r.Header.Set("User-Agent", s.userAgent())
	c, resp, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{HTTPClient: s.Client.HTTP, HTTPHeader: r.Header})
	if err != nil {
		return execstream.Conn{}, refusalIn(resp, err)
	}
	return execstream.New(c), nil
}
