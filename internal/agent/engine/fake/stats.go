package fake

import (
	"cmp"
	"context"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/internal/agent/engine"
)

// machineMemory is what the machine has, in bytes.
const machineMemory = 8 << 30

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
		s.PreRead, s.PreCPUStats = c.sampled.Read, c.sampled.CPUStats
		s.CPUStats.CPUUsage.TotalUsage = uint64(c.script.CPU*float64(now.Sub(c.status.StartedAt))) + uint64(c.burnt)
		s.CPUStats.SystemUsage, s.CPUStats.OnlineCPUs = uint64(now.UnixNano()), 1
		s.MemoryStats.Usage = cmp.Or(c.script.Memory, 1<<20)
		s.MemoryStats.Limit = uint64(cmp.Or(c.spec.Host.Memory, machineMemory))
		s.MemoryStats.Stats = map[string]uint64{"inactive_file": 0}
		s.PidsStats.Current = 1
		c.sampled = s
		all = append(all, engine.ContainerStats{Name: c.spec.Name, RuntimeID: c.status.RuntimeID, Stats: s})
	}
	return all, nil
}

// StorageUsed tells what the scripts of the containers that were started say that they have written.
func (h *handle) StorageUsed(ctx context.Context, taskID string) (used int64, err error) {
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	t := h.m.tasks[taskID]
	if t == nil {
		return 0, errNoTask
	}
	for _, c := range t.containers {
		if c.status.Runs > 0 {
			used += c.script.Writes
		}
	}
	return used, nil
}
