package cgroup

import (
	"fmt"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs"
	"github.com/opencontainers/cgroups/fs2"
)

// counted are the controllers whose counters Stats reads.
const counted = cgroups.CPU | cgroups.Memory | cgroups.Pids | cgroups.IO

// Stats reads what the group, which exists, uses.
func (g Group) Stats() (*cgroups.Stats, error) {
	var counters interface {
		Stats(*cgroups.StatsOptions) (*cgroups.Stats, error)
	}
	var err error
	if g.tree.Unified() {
		counters, err = fs2.NewManager(&cgroups.Cgroup{}, g.Dir(""))
	} else {
		dirs := map[string]string{}
		for _, controller := range []string{"cpu", "cpuacct", "memory", "pids", "blkio"} {
			if dir := g.Dir(controller); dir != "" {
				dirs[controller] = dir
			}
		}
		counters, err = fs.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}}, dirs)
	}
	if err != nil {
		return nil, fmt.Errorf("read the counters of %s: %w", g.path, err)
	}
	stats, err := counters.Stats(&cgroups.StatsOptions{Controllers: counted})
	if err != nil {
		return nil, fmt.Errorf("read the counters of %s: %w", g.path, err)
	}
	return stats, nil
}
