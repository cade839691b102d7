package native

import (
	"context"
	"errors"
	"net"

	"github.com/berth-dev/berth/internal/agent/engine"
)

var errPending = errors.New("this engine can't do that yet")

// Dial refuses.
func (e *Engine) Dial(context.Context, string, string, string) (net.Conn, error) {
	return nil, errPending
}

// Stats refuses.
func (e *Engine) Stats(context.Context, string) ([]engine.ContainerStats, error) {
	return nil, errPending
}
