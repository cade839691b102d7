package main

import (
	"context"
	"strconv"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// yielding is an engine whose containers get the ports of this machine that they name, where load balancers may be published:
// those that the engine publishes, and those that containers on the host's network open by themselves.
type yielding struct {
	engine.Engine
	yield func(port uint16) bool
}

// CreateContainer creates as the engine does.
func (y yielding) CreateContainer(ctx context.Context, task string, spec engine.ContainerSpec) error {
	for _, bindings := range spec.Host.PortBindings {
		for _, b := range bindings {
			if port, err := strconv.ParseUint(b.HostPort, 10, 16); err == nil && port > 0 {
				y.yield(uint16(port))
			}
		}
	}
	if spec.Host.NetworkMode.IsHost() {
		for port := range spec.Config.ExposedPorts {
			y.yield(port.Num())
		}
	}
	return y.Engine.CreateContainer(ctx, task, spec)
}
