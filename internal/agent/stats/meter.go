package stats

import (
	"maps"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/berth-dev/berth/api/tcs"
	"github.com/berth-dev/berth/internal/agent/engine"
)

// meter is what is kept of one container: its latest sample, and the sets of what was measured since they were collected.
type meter struct {
	latest Usage

	cpu, memory, rxRate, txRate floats
	read, written               counts
	rx, tx                      traffic
	restarts                    int // as they were collected
	restartsKnown               bool
}

// traffic are the sets of one direction's counters.
type traffic struct{ bytes, packets, errors, dropped counts }

func (t *traffic) add(bytes, packets, errors, dropped uint64) {
	t.bytes.add(bytes)
	t.packets.add(packets)
	t.errors.add(errors)
	t.dropped.add(dropped)
}

// add takes in a sample. One whose counters went back is of another run of the container: the first of its kind.
func (m *meter) add(sample engine.ContainerStats) {
	before, now := m.latest.Stats, sample.Stats
	now.PreCPUStats, now.PreRead = before.CPUStats, before.Read
	m.latest = Usage{Name: sample.Name, RuntimeID: sample.RuntimeID, Stats: now}
	network := total(now.Networks)
	if passed := now.Read.Sub(before.Read); !before.Read.IsZero() && passed > 0 {
		if used, ok := grown(before.CPUStats.CPUUsage.TotalUsage, now.CPUStats.CPUUsage.TotalUsage); ok {
			m.cpu.add(100 * float64(used) / float64(max(now.CPUStats.OnlineCPUs, 1)) / float64(passed))
		}
		earlier := total(before.Networks)
		rx, rxOK := grown(earlier.RxBytes, network.RxBytes)
		tx, txOK := grown(earlier.TxBytes, network.TxBytes)
		if rxOK && txOK && now.Networks != nil {
			rate := NetworkRate{perSecond(rx, passed), perSecond(tx, passed)}
			m.latest.Rate = &rate
			m.rxRate.add(rate.RxBytes)
			m.txRate.add(rate.TxBytes)
		}
	}
	m.memory.add(float64(inUse(now.MemoryStats) >> 20))
	read, written := storage(now.BlkioStats)
	m.read.add(read)
	m.written.add(written)
	m.rx.add(network.RxBytes, network.RxPackets, network.RxErrors, network.RxDropped)
	m.tx.add(network.TxBytes, network.TxPackets, network.TxErrors, network.TxDropped)
}

// collect returns the sets and begins new ones. ok is false while there are not two samples to tell the use of CPU from.
func (m *meter) collect(c Container, network bool) (out tcs.ContainerMetric, ok bool) {
	if m.cpu.n == 0 {
		return out, false
	}
	out = tcs.ContainerMetric{ContainerName: c.Name, ContainerArn: c.ARN, CpuStatsSet: m.cpu.set(), MemoryStatsSet: m.memory.set(),
		StorageStatsSet: &tcs.StorageStatsSet{ReadSizeBytes: m.read.set(), WriteSizeBytes: m.written.set()}}
	if network {
		out.NetworkStatsSet = &tcs.NetworkStatsSet{
			RxBytes: m.rx.bytes.set(), RxPackets: m.rx.packets.set(), RxErrors: m.rx.errors.set(), RxDropped: m.rx.dropped.set(),
			TxBytes: m.tx.bytes.set(), TxPackets: m.tx.packets.set(), TxErrors: m.tx.errors.set(), TxDropped: m.tx.dropped.set(),
			RxBytesPerSecond: m.rxRate.set(), TxBytesPerSecond: m.txRate.set(),
		}
	}
	*m = meter{latest: m.latest, restarts: m.restarts, restartsKnown: m.restartsKnown}
	if c.Restarts != nil {
		since := 0
		if m.restartsKnown {
			since = max(*c.Restarts-m.restarts, 0)
		}
		m.restarts, m.restartsKnown = *c.Restarts, true
		out.RestartStatsSet = &tcs.RestartStatsSet{RestartCount: int32(since)}
	}
	return out, true
}

// grown is by how much a counter grew; ok is false when it was begun anew.
func grown(before, now uint64) (by uint64, ok bool) { return now - before, now >= before }

func perSecond(n uint64, in time.Duration) float64 { return float64(n) / in.Seconds() }

// inUse is the memory that a container holds: its use less what the kernel would give back, as docker stats counts it.
func inUse(m container.MemoryStats) uint64 {
	cache, v1 := m.Stats["cache"]
	if !v1 {
		cache = m.Stats["inactive_file"]
	}
	if cache > m.Usage {
		return 0
	}
	return m.Usage - cache
}

// storage is what was read from and written to block devices, in bytes.
func storage(b container.BlkioStats) (read, written uint64) {
	for _, e := range b.IoServiceBytesRecursive {
		switch strings.ToLower(e.Op) {
		case "read":
			read += e.Value
		case "write":
			written += e.Value
		}
	}
	return read, written
}

// total is the traffic of all interfaces.
func total(interfaces map[string]container.NetworkStats) (sum container.NetworkStats) {
	for _, n := range interfaces {
		sum.RxBytes, sum.RxPackets, sum.RxErrors, sum.RxDropped = sum.RxBytes+n.RxBytes, sum.RxPackets+n.RxPackets, sum.RxErrors+n.RxErrors, sum.RxDropped+n.RxDropped
		sum.TxBytes, sum.TxPackets, sum.TxErrors, sum.TxDropped = sum.TxBytes+n.TxBytes, sum.TxPackets+n.TxPackets, sum.TxErrors+n.TxErrors, sum.TxDropped+n.TxDropped
	}
	return sum
}

// part is a container's part of what several share.
func part(interfaces map[string]container.NetworkStats, of uint64) map[string]container.NetworkStats {
	parts := maps.Clone(interfaces)
	for name, n := range parts {
		for _, counter := range []*uint64{&n.RxBytes, &n.RxPackets, &n.RxErrors, &n.RxDropped, &n.TxBytes, &n.TxPackets, &n.TxErrors, &n.TxDropped} {
			*counter /= of
		}
		parts[name] = n
	}
	return parts
}
