package native

import (
	"context"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/cgroups"

	"github.com/berth-dev/berth/internal/agent/engine"
	"github.com/berth-dev/berth/internal/shim"
)

// Stats reads the counters of the control groups and network namespaces of what runs, past the shim. Each sample holds the
// CPU's share of the one before.
func (e *Engine) Stats(_ context.Context, id string) ([]engine.ContainerStats, error) {
	t := e.task(id)
	if t == nil {
		return nil, fmt.Errorf("task %s: %w", id, engine.ErrNotFound)
	}
	t.mu.Lock()
	containers := t.state.Containers
	t.mu.Unlock()
	host, err := readProcessors()
	if err != nil {
		return nil, err
	}
	memory, err := machineMemory()
	if err != nil {
		return nil, err
	}
	var all []engine.ContainerStats
	for _, c := range containers {
		if c.Status != shim.Running {
			continue
		}
		counters, err := e.tree.Group(shim.ContainerGroup(e.config.Instance, id, c.RuntimeID)).Stats()
		if err != nil || counters.PidsStats.Current == 0 {
			continue // it has ended, and the news of that is on its way
		}
		sample := container.StatsResponse{
			ID: c.RuntimeID, Name: "/" + c.Name, OSType: "linux", Read: time.Now(),
			CPUStats: cpuStats(counters, host), MemoryStats: memoryStats(counters, uint64(memory), e.tree.Unified()),
			PidsStats:  container.PidsStats{Current: counters.PidsStats.Current, Limit: counters.PidsStats.Limit},
			BlkioStats: blockStats(counters), Networks: readInterfaces(c.PID),
		}
		sample.PreRead, sample.PreCPUStats = t.sampled(c, sample)
		all = append(all, engine.ContainerStats{Name: c.Name, RuntimeID: c.RuntimeID, Stats: sample})
	}
	return all, nil
}

// sample is what is kept of one.
type sample struct {
	run int // of the container
	at  time.Time
	cpu container.CPUStats
}

// sampled keeps a sample and returns what was kept of the last one of the same run: a new run counts from the beginning.
func (t *task) sampled(c shim.ContainerState, now container.StatsResponse) (time.Time, container.CPUStats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.samples[c.Name]
	t.samples[c.Name] = sample{c.Runs, now.Read, now.CPUStats}
	if last.run != c.Runs {
		return time.Time{}, container.CPUStats{}
	}
	return last.at, last.cpu
}

func cpuStats(s *cgroups.Stats, host processors) container.CPUStats {
	used, throttled := s.CpuStats.CpuUsage, s.CpuStats.ThrottlingData
	return container.CPUStats{
		CPUUsage: container.CPUUsage{
			TotalUsage: used.TotalUsage, PercpuUsage: used.PercpuUsage,
			UsageInKernelmode: used.UsageInKernelmode, UsageInUsermode: used.UsageInUsermode,
		},
		SystemUsage: host.used, OnlineCPUs: host.online,
		ThrottlingData: container.ThrottlingData{
			Periods: throttled.Periods, ThrottledPeriods: throttled.ThrottledPeriods, ThrottledTime: throttled.ThrottledTime,
		},
	}
}

// memoryStats tells as the limit of a container without one the machine's memory, and no highest use on v2, as Docker does.
func memoryStats(s *cgroups.Stats, machine uint64, unified bool) container.MemoryStats {
	m := container.MemoryStats{
		Usage: s.MemoryStats.Usage.Usage, MaxUsage: s.MemoryStats.Usage.MaxUsage, Failcnt: s.MemoryStats.Usage.Failcnt,
		Limit: min(s.MemoryStats.Usage.Limit, machine), Stats: s.MemoryStats.Stats,
	}
	if unified {
		m.MaxUsage = 0
	}
	return m
}

func blockStats(s *cgroups.Stats) container.BlkioStats {
	entries := func(all []cgroups.BlkioStatEntry) []container.BlkioStatEntry {
		var out []container.BlkioStatEntry
		for _, e := range all {
			out = append(out, container.BlkioStatEntry(e))
		}
		return out
	}
	b := s.BlkioStats
	return container.BlkioStats{
		IoServiceBytesRecursive: entries(b.IoServiceBytesRecursive), IoServicedRecursive: entries(b.IoServicedRecursive),
		IoQueuedRecursive: entries(b.IoQueuedRecursive), IoServiceTimeRecursive: entries(b.IoServiceTimeRecursive),
		IoWaitTimeRecursive: entries(b.IoWaitTimeRecursive), IoMergedRecursive: entries(b.IoMergedRecursive),
		IoTimeRecursive: entries(b.IoTimeRecursive), SectorsRecursive: entries(b.SectorsRecursive),
	}
}
