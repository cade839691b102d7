package ssm

import (
	"context"
	"errors"
	"strconv"

	"github.com/google/shlex"

	api "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/wire"
)

// Register gives Session Manager's operations to a service of the API, which they share with Parameter Store.
func (s *Service) Register(svc *wire.Service) {
	wire.Handle(svc, api.StartSession, s.StartSession,
		wire.Note("Target", "a container of a task that was run with enableExecuteCommand: ecs:CLUSTER_TASKID_RUNTIMEID"),
		wire.Note("DocumentName", "AWS-StartPortForwardingSession, AWS-StartPortForwardingSessionToRemoteHost and AWS-StartInteractiveCommand; without one, sh"),
		wire.Note("Reason", "not kept: neither are sessions once they are over"))
	wire.Handle(svc, api.ResumeSession, s.ResumeSession)
	wire.Handle(svc, api.TerminateSession, s.TerminateSession)
}

// StartSession opens a session into a container: a command with a terminal, or connections to a port.
func (s *Service) StartSession(ctx context.Context, in *api.StartSessionRequest) (*api.StartSessionResponse, error) {
	r := Request{Prefix: "session"}
	if err := r.read(in.DocumentName, in.Parameters); err != nil {
		return nil, err
	}
	var err error
	if r.Target, r.Group, err = s.Containers.Find(ctx, in.Target); err != nil {
		return nil, notConnected(in.Target, err)
	}
	opened, err := s.Open(ctx, r)
	if err != nil {
		return nil, notConnected(in.Target, err)
	}
	return &api.StartSessionResponse{SessionId: opened.ID, TokenValue: opened.Token, StreamUrl: opened.StreamURL}, nil
}

func notConnected(target string, err error) error {
	if errors.Is(err, ErrNotConnected) {
		return wire.Errorf(api.TargetNotConnected, "%s is not connected. (%v)", target, err)
	}
	return err
}

// read takes in what a session document asks for.
func (r *Request) read(document string, parameters map[string][]string) (err error) {
	only := func(name, otherwise string) string {
		if v := parameters[name]; len(v) == 1 {
			return v[0]
		}
		return otherwise
	}
	switch document {
	case "", "SSM-SessionManagerRunShell":
		r.Command = []string{"sh"}
		return nil
	case "AWS-StartInteractiveCommand":
		if r.Command, err = shlex.Split(only("command", "")); err != nil || len(r.Command) == 0 {
			return invalid("Parameter command must be one command.")
		}
		return nil
	case "AWS-StartPortForwardingSessionToRemoteHost":
		if r.Port.Host = only("host", ""); r.Port.Host == "" {
			return invalid("Parameter host must be one host.")
		}
	case "AWS-StartPortForwardingSession":
	default:
		return wire.Errorf(api.InvalidDocument, "Document with name %s does not exist.", document)
	}
	if r.Port.Number, err = port(only("portNumber", "80")); err == nil {
		r.Port.Local, err = port(only("localPortNumber", "0"))
	}
	return err
}

func port(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, invalid("%q is not the number of a port.", text)
	}
	return uint16(n), nil
}

func invalid(format string, args ...any) error {
	return wire.Errorf("ValidationException", format, args...)
}

// own returns a session that the caller may speak of: one of the same account and region. Tasks may of none.
func (s *Service) own(ctx context.Context, id string) (*session, error) {
	c := wire.CallerOf(ctx)
	e := s.find(id)
	if e == nil || e.owner.Account != c.Account || e.owner.Region != c.Region || c.TaskARN != "" || c.Kind == wire.Agent {
		return nil, wire.Errorf(api.DoesNotExistException, "Session %s does not exist.", id)
	}
	return e, nil
}

// ResumeSession gives a client that has lost its connection a new token.
func (s *Service) ResumeSession(ctx context.Context, in *api.ResumeSessionRequest) (*api.ResumeSessionResponse, error) {
	e, err := s.own(ctx, in.SessionId)
	if err != nil {
		return nil, err
	}
	return &api.ResumeSessionResponse{SessionId: e.id, TokenValue: e.newToken(), StreamUrl: s.streamURL(e.id)}, nil
}

// TerminateSession ends a session. One that is over already may be terminated again.
func (s *Service) TerminateSession(ctx context.Context, in *api.TerminateSessionRequest) (*api.TerminateSessionResponse, error) {
	if e, err := s.own(ctx, in.SessionId); err == nil {
		e.finish(errTerminated)
	}
	return &api.TerminateSessionResponse{SessionId: in.SessionId}, nil
}
