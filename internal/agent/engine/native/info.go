package native

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/shim"
)

// Docker's API versions whose container settings this engine translates, as the ECS agent tells them.
const (
	oldestDockerAPI = 17
	newestDockerAPI = 44
)

// Info tells what the machine has. The version is the shim protocol's.
func (e *Engine) Info(context.Context) (engine.Info, error) {
	var machine unix.Sysinfo_t
	if err := unix.Sysinfo(&machine); err != nil {
		return engine.Info{}, fmt.Errorf("read the machine's memory: %w", err)
	}
	info := engine.Info{
		Name: "native", Version: fmt.Sprint(shim.Version), CPUs: runtime.NumCPU(),
		Memory:       int64(machine.Totalram) * int64(machine.Unit),
		Capabilities: []string{"com.amazonaws.ecs.capability.privileged-container"},
	}
	for v := oldestDockerAPI; v <= newestDockerAPI; v++ {
		info.Capabilities = append(info.Capabilities, fmt.Sprintf("com.amazonaws.ecs.capability.docker-remote-api.1.%d", v))
	}
	return info, nil
}
