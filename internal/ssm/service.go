// Package ssm is Session Manager: sessions into the containers of tasks, for ECS Exec and for port forwarding. The ECS
// service and this package's own API open them; a client comes by the data channel (package datachannel), the agent by a
// stream of its own (package execstream), and a session carries between the two. internal/server assembles it.
//
// Sessions live in memory alone: the end of the server ends them, as the end of a container does.
package ssm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// Config is what a Service works with.
type Config struct {
	Agents     Agents
	Containers Containers
	Recorder   Recorder
	// Endpoint is where clients and agents reach this server: "http://127.0.0.1:4566".
	Endpoint func() string
	Log      *slog.Logger // nil: slog.Default
}

// Agents reaches the agents of machines.
type Agents interface {
	// OpenSession asks an instance's agent to open the stream of a session. ErrNotConnected when no agent that can is there.
	OpenSession(ctx context.Context, scope store.Scope, instance string, m acs.BerthSessionMessage) error
}

// Containers knows the containers that sessions lead into.
type Containers interface {
	// Find returns the running container that a session manager's target names, "ecs:CLUSTER_TASKID_RUNTIMEID", and the log
	// group that keeps what is printed in sessions into it. ErrNotConnected when there is none.
	Find(ctx context.Context, target string) (t Target, group string, err error)
	// SpeaksFor tells whether a caller is the agent of a machine.
	SpeaksFor(caller wire.Caller, machine string) bool
}

// Recorder keeps what sessions print.
type Recorder interface {
	// Record adds lines to a log stream, which it makes when it is not there. The group must be.
	Record(ctx context.Context, scope store.Scope, group, stream string, lines []Line) error
}

// Line is what a session printed, up to the end of a line.
type Line struct {
	At   time.Time
	Text string
}

// Target is a container that runs.
type Target struct {
	Scope     store.Scope
	Instance  string // its agent's
	Machine   string
	TaskARN   string
	Container string
}

// ErrNotConnected says that the agent that runs a container can't open sessions into it now.
var ErrNotConnected = errors.New("the container's agent is not connected")

// Bounds of sessions.
const (
	most        = 1000             // at a time
	agentWait   = 10 * time.Second // until the agent has opened its stream
	clientWait  = time.Minute      // until the client has come, or has come back
	openingWait = 10 * time.Second // until a connection has said by its token whose it is
)

// Service holds the sessions.
type Service struct {
	Config
	life context.Context
	end  context.CancelCauseFunc
	work sync.WaitGroup

	mu       sync.Mutex
	sessions map[string]*session
}

// New returns a service without sessions.
func New(config Config) *Service {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	s := &Service{Config: config, sessions: map[string]*session{}}
	s.life, s.end = context.WithCancelCause(context.Background())
	return s
}

var errShutdown = errors.New("the server is shutting down")

// Close ends every session and waits for them.
func (s *Service) Close() {
	s.mu.Lock()
	s.end(errShutdown)
	s.mu.Unlock()
	s.work.Wait()
}

// Request is a session to open.
type Request struct {
	Prefix  string // of the session's id: "ecs-execute-command"
	Target  Target
	Command []string // run with a terminal; empty: a session of connections to Port
	Port    Port
	// Group is the log group that gets what the session prints; empty: it is not kept.
	Group string
}

// Port is where a session of connections leads, as seen from the container. Host is empty for itself.
type Port struct {
	Host          string
	Number, Local uint16
}

// Opened is a session that a client can join.
type Opened struct {
	ID        string
	Token     string // good for one connection, for a minute
	StreamURL string
}

// Open opens a session: when it returns without an error the container's agent is ready for it. ErrNotConnected when it
// is not, or not in time.
func (s *Service) Open(ctx context.Context, r Request) (Opened, error) {
	e, err := s.add(ctx, r)
	if err != nil {
		return Opened{}, err
	}
	if err := s.callAgent(ctx, e); err != nil {
		e.finish(err)
		return Opened{}, err
	}
	return Opened{ID: e.id, Token: e.newToken(), StreamURL: s.streamURL(e.id)}, nil
}

// add makes a session whose goroutine waits for both sides.
func (s *Service) add(ctx context.Context, r Request) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.life.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotConnected, errShutdown)
	case len(s.sessions) >= most:
		return nil, fmt.Errorf("%w: there are %d sessions, which is as many as there can be", ErrNotConnected, most)
	}
	e := newSession(s, r, wire.CallerOf(ctx))
	s.sessions[e.id] = e
	s.work.Go(func() {
		e.run()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.sessions, e.id)
	})
	return e, nil
}

// callAgent has the agent open its stream, and waits for that.
func (s *Service) callAgent(ctx context.Context, e *session) error {
	m := acs.BerthSessionMessage{MessageId: uuid.NewString(), SessionId: e.id, TaskArn: e.request.Target.TaskARN,
		ContainerName: e.request.Target.Container, Type: acs.BerthSessionTypeExec, Command: e.request.Command}
	if len(e.request.Command) == 0 {
		m.Type, m.Host, m.Port = acs.BerthSessionTypePort, e.request.Port.Host, int32(e.request.Port.Number)
	}
	if err := s.Agents.OpenSession(ctx, e.request.Target.Scope, e.request.Target.Instance, m); err != nil {
		return err
	}
	late := time.NewTimer(agentWait)
	defer late.Stop()
	select {
	case <-e.ready:
		return nil
	case <-late.C:
		return fmt.Errorf("%w: it did not open the session within %s", ErrNotConnected, agentWait)
	case <-e.life.Done():
		return context.Cause(e.life)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// find returns a session, nil when it is over or never was.
func (s *Service) find(id string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}
