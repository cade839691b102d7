// Package exec is the agent's side of sessions into containers: it runs a command in a container, or connects to ports in
// it, for the control plane at the other end of a stream (package execstream). internal/agent gives it the streams that
// internal/agent/session opens.
package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/berth-dev/berth/api/acs"
	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/agent/task"
	"github.com/berth-dev/berth/internal/execstream"
)

// Server serves sessions.
type Server struct {
	Engine engine.Engine
	Log    *slog.Logger
}

// Serve serves one session over its stream, until the command ends, the control plane closes the stream or ctx ends. Nothing
// of the session is left when it returns.
func (s *Server) Serve(ctx context.Context, m acs.BerthSessionMessage, stream execstream.Conn) {
	ctx, cancel := context.WithCancelCause(ctx)
	var typing sync.WaitGroup // uses the stream until that ends
	defer typing.Wait()
	defer stream.Break()
	defer cancel(nil)
	typing.Go(func() { cancel(beat(ctx, stream)) })
	end := execstream.End{}
	code, err := s.serve(ctx, m, stream, &typing)
	if end.ExitCode = code; err != nil {
		s.Log.Info("a session ends", "session", m.SessionId, "task", m.TaskArn, "container", m.ContainerName, "reason", err)
		end.Error = err.Error()
	}
	if stream.SendValue(ctx, execstream.Ended, end) == nil {
		stream.Close("ended")
	}
}

func (s *Server) serve(ctx context.Context, m acs.BerthSessionMessage, stream execstream.Conn, typing *sync.WaitGroup) (exitCode int, err error) {
	id, err := task.ID(m.TaskArn)
	if err != nil {
		return 0, err
	}
	kind, body, err := stream.Receive(ctx)
	if err != nil || kind != execstream.Start {
		return 0, errors.Join(errors.New("the session was not begun"), err)
	}
	if m.Type == acs.BerthSessionTypePort {
		return 0, s.forward(ctx, id, m, stream)
	}
	size, err := execstream.Value[execstream.Size](body)
	if err != nil {
		return 0, err
	}
	return s.run(ctx, id, m, size, stream, typing)
}

// run runs the session's command with a terminal, as ECS Exec does: as root, whoever the container's own user is.
func (s *Server) run(life context.Context, id string, m acs.BerthSessionMessage, size execstream.Size, stream execstream.Conn, typing *sync.WaitGroup) (int, error) {
	ctx, cancel := context.WithCancelCause(life)
	defer cancel(nil)
	p, err := s.Engine.Exec(ctx, id, m.ContainerName, engine.ExecSpec{
		Cmd: m.Command, Env: []string{"TERM=xterm-256color"}, User: "0", TTY: true, Stdin: true,
		Size: engine.WindowSize{Width: size.Width, Height: size.Height},
	})
	if err != nil {
		return 0, fmt.Errorf("execute %q: %w", m.Command, err)
	}
	typing.Go(func() { cancel(typeIn(life, stream, p)) }) // cut short by a context a socket is of no use any more
	var printing sync.WaitGroup
	for kind, output := range map[execstream.Kind]io.Reader{execstream.Stdout: p.Stdout(), execstream.Stderr: p.Stderr()} {
		if output != nil {
			printing.Go(func() {
				printOut(output, func(message []byte) error {
					err := stream.Send(life, kind, message)
					if err != nil {
						cancel(err) // which ends output
					}
					return err
				})
			})
		}
	}
	stop := context.AfterFunc(ctx, func() { p.Close() })
	printing.Wait()
	code, err := p.Wait(ctx)
	stop()
	p.Close()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return code, err
}

// typeIn carries what the control plane sends to the process, until the stream ends.
func typeIn(ctx context.Context, stream execstream.Conn, p engine.Process) error {
	for {
		kind, body, err := stream.Receive(ctx)
		if err != nil {
			return fmt.Errorf("the session's client is gone: %w", err)
		}
		switch kind {
		case execstream.Stdin:
			if _, err := p.Stdin().Write(body); err != nil {
				continue // the process reads no more; its end is told by Wait
			}
		case execstream.EOF:
			p.Stdin().Close()
		case execstream.Resize:
			if size, err := execstream.Value[execstream.Size](body); err == nil {
				_ = p.Resize(engine.WindowSize{Width: size.Width, Height: size.Height}) // a process that has ended has no terminal
			}
		}
	}
}

// beatEvery is how soon the end of a stream is seen on which nobody receives: a process, or the server of a forwarded
// connection, that reads no more keeps typeIn, or smux, from it.
const beatEvery = 2 * time.Second

// beat sends an empty frame now and then until ctx ends or the stream takes no more.
func beat(ctx context.Context, stream execstream.Conn) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// Cut short by a context the stream could not even tell of the session's end.
		if err := stream.Send(context.WithoutCancel(ctx), execstream.Stdout, nil); err != nil {
			return fmt.Errorf("the session's stream has ended: %w", err)
		}
	}
}
