package ssm

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/execstream"
	"github.com/berth-dev/berth/internal/ssm/datachannel"
	"github.com/berth-dev/berth/internal/wire"
)

// session is one session. Its goroutine carries between client and agent, whose connections are handed to it.
type session struct {
	service *Service
	id      string
	request Request
	owner   wire.Caller
	began   time.Time
	stream  *datachannel.Stream
	life    context.Context
	finish  context.CancelCauseFunc

	ready chan struct{} // closed once the agent is there
	over  chan struct{} // closed once nobody uses the connections any more
	came  chan struct{} // holds one when a client has come

	mu     sync.Mutex // guards what follows
	agent  *execstream.Conn
	token  string      // empty once it is used
	until  time.Time   // it is good
	client *client     // the present one; nil: none
	closed bool        // no client is taken any more
	leave  *time.Timer // ends the session once its client has been away for long
}

func newSession(s *Service, r Request, owner wire.Caller) *session {
	e := &session{service: s, id: r.Prefix + "-" + suffix(), request: r, owner: owner, began: time.Now(),
		stream: datachannel.NewStream(datachannel.Output), ready: make(chan struct{}), over: make(chan struct{}), came: make(chan struct{}, 1)}
	e.life, e.finish = context.WithCancelCause(s.life)
	e.leave = time.AfterFunc(clientWait, func() { e.finish(errNobody) })
	e.leave.Stop() // until a client has come and gone
	return e
}

// suffix is what tells sessions of one prefix apart, in the alphabet and at the length of AWS's.
func suffix() string {
	const alphabet = "0123456789abcdefghijklmnopqrstuv"
	b := make([]byte, 25)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = alphabet[b[i]%32]
	}
	return string(b)
}

// newToken returns a token for one connection. Those before it are no longer good.
func (e *session) newToken() string {
	b := make([]byte, 48)
	_, _ = rand.Read(b)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.token, e.until = base64.RawURLEncoding.EncodeToString(b), time.Now().Add(clientWait)
	return e.token
}

// admit tells whether a token opens the session, and uses it up when it does.
func (e *session) admit(token string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	ok := e.token != "" && !e.closed && time.Now().Before(e.until) && subtle.ConstantTimeCompare([]byte(token), []byte(e.token)) == 1
	if ok {
		e.token = ""
	}
	return ok
}

var (
	errNobody     = errors.New("nobody joined the session in time")
	errTerminated = errors.New("the session was terminated")
)

// run takes the session from the wait for its client to its end.
func (e *session) run() {
	defer close(e.over)
	farewell := e.converse()
	e.service.Log.Info("a session ends", "session", e.id, "task", e.request.Target.TaskARN, "container", e.request.Target.Container, "reason", context.Cause(e.life))
	e.closeClient(farewell)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.agent != nil {
		e.agent.Close("the session is over")
	}
}

// converse waits for both sides and carries between them. It returns what the client is told at the end.
func (e *session) converse() (farewell string) {
	select {
	case <-e.ready:
	case <-e.life.Done():
		return ""
	}
	late := time.NewTimer(clientWait)
	defer late.Stop()
	select {
	case <-e.came:
	case <-late.C:
		e.finish(errNobody)
		return ""
	case <-e.life.Done():
		return ""
	}
	r, err := e.handshake()
	if err != nil {
		e.finish(err)
		return err.Error()
	}
	end, err := e.carry()
	farewell = end.Error
	if err == nil {
		err = e.sayEnd(r, end)
	}
	e.finish(err)
	return farewell
}
