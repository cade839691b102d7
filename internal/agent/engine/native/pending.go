package native

import (
	"context"
	"errors"
	"net"

	"github.com/berth-dev/berth/internal/agent/engine"
)

var errPending = errors.New("this engine can't do that yet")

// RestartContainer refuses.
func (e *Engine) RestartContainer(context.Context, string, string, int) error {
	return &engine.Error{Kind: engine.CannotStartContainer, Err: errPending}
}

// Exec refuses.
func (e *Engine) Exec(context.Context, string, string, engine.ExecSpec) (engine.Process, error) {
	return nil, &engine.Error{Kind: engine.CannotExec, Err: errPending}
}

// Dial refuses.
func (e *Engine) Dial(context.Context, string, string, string) (net.Conn, error) {
	return nil, errPending
}

// Stats refuses.
func (e *Engine) Stats(context.Context, string) ([]engine.ContainerStats, error) {
	return nil, errPending
}
