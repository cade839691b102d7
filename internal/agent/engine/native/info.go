package native

import (
	"context"
	"fmt"
	"runtime"

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
	memory, err := machineMemory()
	if err != nil {
		return engine.Info{}, err
	}
	info := engine.Info{
		Name: "native", Version: fmt.Sprint(shim.Version), CPUs: runtime.NumCPU(), Memory: memory,
		Capabilities: []string{"com.amazonaws.ecs.capability.privileged-container"},
	}
	if e.machine.AppArmor != "" {
		info.Capabilities = append(info.Capabilities, "com.amazonaws.ecs.capability.apparmor")
	}
	for v := oldestDockerAPI; v <= newestDockerAPI; v++ {
		info.Capabilities = append(info.Capabilities, fmt.Sprintf("com.amazonaws.ecs.capability.docker-remote-api.1.%d", v))
	}
	return info, nil
}
