package fake

import (
	"context"
	"fmt"
	"net"
	"syscall"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// Dial connects to what the container's script serves there; nothing else listens.
func (h *handle) Dial(ctx context.Context, taskID, name, address string) (net.Conn, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	_, c, err := h.find(taskID, name)
	if err != nil {
		return nil, err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if c.status.State != engine.Running {
		return nil, fmt.Errorf("dial %s: container %s is %s", address, name, c.status.State)
	}
	serve := c.script.Serves[address]
	if l, ok := c.listeners[address]; ok && !l.process.hasEnded() {
		serve = l.serve
	}
	if serve == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	here, there := net.Pipe()
	go serve(there)
	return here, nil
}
