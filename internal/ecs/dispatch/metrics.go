package dispatch

import (
	"time"

	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/ecs/usage"
)

// measured passes on what the instance's tasks used. What an agent says of other tasks, or of containers that a task does
// not have, is left out.
func (t *telemetry) measured(metrics []tcs.TaskMetric, now time.Time) {
	instance, ok := t.d.Tables.Instances.Get(t.key.scope, t.key.instance)
	if !ok || t.d.Usage == nil {
		return
	}
	units := float64(instance.Value.Capacity.CPU) / 100 // agents tell percents of the whole machine
	for _, m := range metrics {
		id := lastPart(m.TaskArn)
		row, known := t.d.Tables.Tasks.Get(t.key.scope, id)
		if !known || row.Value.Instance != t.key.instance || !row.Value.StoppedAt.IsZero() {
			continue
		}
		used, seen := usage.Task{At: now}, map[string]bool{}
		for _, c := range m.ContainerMetrics {
			if _, ok := row.Value.Container(c.ContainerName); !ok || seen[c.ContainerName] {
				continue
			}
			seen[c.ContainerName] = true
			used.Containers = append(used.Containers, usedBy(c, units))
		}
		if used.Containers != nil {
			t.d.Usage.Record(t.key.scope, id, used)
		}
	}
}

// usedBy is what a container used; units are the CPU units of a percent.
func usedBy(c tcs.ContainerMetric, units float64) usage.Container {
	out := usage.Container{Name: c.ContainerName, CPU: set(c.CpuStatsSet, units), Memory: set(c.MemoryStatsSet, 1)}
	if s := c.StorageStatsSet; s != nil {
		out.Read, out.Written = counter(s.ReadSizeBytes), counter(s.WriteSizeBytes)
	}
	if n := c.NetworkStatsSet; n != nil {
		out.Network = &usage.Network{Received: counter(n.RxBytes), Sent: counter(n.TxBytes),
			ReceivedRate: set(n.RxBytesPerSecond, 1), SentRate: set(n.TxBytesPerSecond, 1)}
	}
	if r := c.RestartStatsSet; r != nil {
		out.Restarts = r.RestartCount
	}
	return out
}

func set(s *tcs.CWStatsSet, times float64) usage.Set {
	if s == nil {
		return usage.Set{}
	}
	return usage.Set{Min: s.Min * times, Max: s.Max * times, Sum: s.Sum * times, Count: max(s.SampleCount, 0)}
}

// counter is what a counter stood at in the end: they only grow.
func counter(s *tcs.ULongStatsSet) uint64 {
	if s == nil {
		return 0
	}
	return uint64(max(s.Max, 0)) + uint64(max(s.OverflowMax, 0))
}
