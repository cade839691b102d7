package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Limits bound a group. Zero values bound nothing.
type Limits struct {
	CPUShares uint64 // v1's scale: 1024 is the weight of a group that asked for nothing
	CPUQuota  int64  // microseconds of CPU in each period of 100 ms
	Memory    int64  // bytes
	PIDs      int64  // processes and threads
}

// Period is the CPU period that Limits.CPUQuota refers to, in microseconds.
const Period = 100_000

// Limit sets the group's limits.
func (g Group) Limit(l Limits) error {
	if l.PIDs > 0 {
		if err := g.set("pids", "pids.max", strconv.FormatInt(l.PIDs, 10)); err != nil {
			return err
		}
	}
	if g.tree.Unified() {
		return g.limitUnified(l)
	}
	if l.CPUShares > 0 {
		if err := g.set("cpu", "cpu.shares", strconv.FormatUint(max(l.CPUShares, 2), 10)); err != nil {
			return err
		}
	}
	if l.CPUQuota > 0 {
		if err := g.set("cpu", "cpu.cfs_period_us", strconv.Itoa(Period)); err != nil {
			return err
		}
		if err := g.set("cpu", "cpu.cfs_quota_us", strconv.FormatInt(l.CPUQuota, 10)); err != nil {
			return err
		}
	}
	if l.Memory > 0 {
		return g.set("memory", "memory.limit_in_bytes", strconv.FormatInt(l.Memory, 10))
	}
	return nil
}

func (g Group) limitUnified(l Limits) error {
	if l.CPUShares > 0 {
		if err := g.set("", "cpu.weight", strconv.FormatUint(weight(l.CPUShares), 10)); err != nil {
			return err
		}
	}
	if l.CPUQuota > 0 {
		if err := g.set("", "cpu.max", fmt.Sprintf("%d %d", l.CPUQuota, Period)); err != nil {
			return err
		}
	}
	if l.Memory > 0 {
		return g.set("", "memory.max", strconv.FormatInt(l.Memory, 10))
	}
	return nil
}

// weight maps cpu.shares [2, 262144] onto cpu.weight [1, 10000], as container runtimes have always done.
func weight(shares uint64) uint64 {
	shares = min(max(shares, 2), 262144)
	return 1 + (shares-2)*9999/262142
}

// LimitsSwap says whether swap can be limited in the group, which exists: kernels can do without.
func (g Group) LimitsSwap() bool {
	file := filepath.Join(g.Dir("memory"), "memory.memsw.limit_in_bytes")
	if g.tree.Unified() {
		file = filepath.Join(g.Dir(""), "memory.swap.max") // the root has none
	}
	_, err := os.Stat(file)
	return err == nil
}

func (g Group) set(controller, file, value string) error {
	dir := g.Dir(controller)
	if dir == "" {
		return fmt.Errorf("limit %s: the %s controller is not mounted", g.path, controller)
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0); err != nil {
		return fmt.Errorf("limit control group: %w", err)
	}
	return nil
}
