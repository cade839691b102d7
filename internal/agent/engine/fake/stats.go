package fake

import (
	"context"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// Stats tells what the scripts of the running containers say that they use: processor time since each started, and memory.
func (h *handle) Stats(ctx context.Context, taskID string) ([]engine.ContainerStats, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	t := h.m.tasks[taskID]
	if t == nil {
		return nil, errNoTask
	}
	now := time.Now()
	var all []engine.ContainerStats
	for _, c := range t.containers {
		if c.status.State != engine.Running {
			continue
		}
		s := container.StatsResponse{ID: c.status.RuntimeID, Name: "/" + c.spec.Name, OSType: "linux", Read: now}
		s.CPUStats.CPUUsage.TotalUsage = uint64(c.script.CPU * float64(now.Sub(c.status.StartedAt)))
		s.CPUStats.OnlineCPUs = 1
		s.MemoryStats.Usage = c.script.Memory
		s.MemoryStats.Limit = uint64(c.spec.Host.Memory)
		s.PidsStats.Current = 1
		all = append(all, engine.ContainerStats{Name: c.spec.Name, RuntimeID: c.status.RuntimeID, Stats: s})
	}
	return all, nil
}
