package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/berth-dev/berth/api/acs"
	ecsapi "github.com/berth-dev/berth/api/ecs"
	logsapi "github.com/berth-dev/berth/api/logs"
	"github.com/berth-dev/berth/internal/ecs"
	"github.com/berth-dev/berth/internal/ecs/dispatch"
	"github.com/berth-dev/berth/internal/logs"
	"github.com/berth-dev/berth/internal/ssm"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// executions gives the ECS service Session Manager's sessions.
type executions struct{ server *Server }

// executePrefix begins the ids of ECS Exec's sessions.
const executePrefix = "ecs-execute-command"

func (x executions) Execute(ctx context.Context, e ecs.Execution) (ecsapi.Session, error) {
	opened, err := x.server.SSM.Open(ctx, ssm.Request{Prefix: executePrefix, Target: targetOf(e), Command: e.Command, Group: e.Group})
	if err != nil {
		return ecsapi.Session{}, asTargetNotConnected(err)
	}
	return ecsapi.Session{SessionId: opened.ID, StreamUrl: opened.StreamURL, TokenValue: opened.Token}, nil
}

func targetOf(e ecs.Execution) ssm.Target {
	return ssm.Target{Scope: e.Scope, Instance: e.Instance, Machine: e.Machine, TaskARN: e.TaskARN, Container: e.Container}
}

// asTargetNotConnected gives Session Manager's refusal its name in the ECS service.
func asTargetNotConnected(err error) error {
	if errors.Is(err, ssm.ErrNotConnected) {
		return fmt.Errorf("%w: %w", ecs.ErrTargetNotConnected, err)
	}
	return err
}

// agents gives Session Manager the way to agents.
type agents struct{ *dispatch.Dispatcher }

func (a agents) OpenSession(ctx context.Context, scope store.Scope, instance string, m acs.BerthSessionMessage) error {
	err := a.Dispatcher.OpenSession(ctx, scope, instance, m)
	if errors.Is(err, ecs.ErrTargetNotConnected) {
		return fmt.Errorf("%w: %w", ssm.ErrNotConnected, err)
	}
	return err
}

// containers gives Session Manager the containers of tasks.
type containers struct{ *ecs.Service }

func (c containers) Find(ctx context.Context, target string) (ssm.Target, string, error) {
	e, err := c.FindExecutable(ctx, target)
	if errors.Is(err, ecs.ErrTargetNotConnected) {
		err = fmt.Errorf("%w: %w", ssm.ErrNotConnected, err)
	}
	return targetOf(e), e.Group, err
}

func (c containers) SpeaksFor(caller wire.Caller, machine string) bool {
	return caller.Kind == wire.Agent && ecs.SpeaksFor(caller, machine)
}

// transcripts keeps what sessions print in log groups.
type transcripts struct{ logs *logs.Service }

func (t transcripts) Record(ctx context.Context, scope store.Scope, group, stream string, lines []ssm.Line) error {
	ctx = wire.WithCaller(ctx, wire.Caller{Account: scope.Account, Region: scope.Region, Kind: wire.Root})
	in := &logsapi.PutLogEventsRequest{LogGroupName: group, LogStreamName: stream}
	for _, l := range lines {
		in.LogEvents = append(in.LogEvents, logsapi.InputLogEvent{Timestamp: new(l.At.UnixMilli()), Message: l.Text})
	}
	_, err := t.logs.PutLogEvents(ctx, in)
	if e, ok := errors.AsType[*wire.Error](err); ok && e.Code == logsapi.ResourceNotFoundException {
		if _, err := t.logs.CreateLogStream(ctx, &logsapi.CreateLogStreamRequest{LogGroupName: group, LogStreamName: stream}); err != nil {
			return err
		}
		_, err = t.logs.PutLogEvents(ctx, in)
	}
	return err
}
