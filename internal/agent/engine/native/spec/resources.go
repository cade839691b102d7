package spec

import (
	"errors"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

const (
	minMemory = 6 << 20 // Docker's least memory limit
	cpuPeriod = 100_000 // microseconds
)

func resources(req Request) (*specs.LinuxResources, error) {
	memory, err := memory(req)
	if err != nil {
		return nil, err
	}
	cpu, err := cpu(req)
	if err != nil {
		return nil, err
	}
	r := &specs.LinuxResources{CPU: cpu, Memory: memory}
	if limit := req.Host.PidsLimit; limit != nil && *limit > 0 {
		r.Pids = &specs.LinuxPids{Limit: limit}
	}
	return r, nil
}

func memory(req Request) (*specs.LinuxMemory, error) {
	h := req.Host.Resources
	switch {
	case h.Memory < 0 || h.MemoryReservation < 0:
		return nil, errors.New("a memory limit is negative")
	case h.Memory > 0 && h.Memory < minMemory:
		return nil, fmt.Errorf("minimum memory limit allowed is 6MB, asked for are %d bytes", h.Memory)
	case h.Memory > 0 && h.MemoryReservation > h.Memory:
		return nil, errors.New("minimum memory limit can not be less than memory reservation limit")
	case h.MemorySwap > 0 && h.Memory == 0:
		return nil, errors.New("you should always set the Memory limit when using Memoryswap limit")
	case h.MemorySwap > 0 && h.MemorySwap < h.Memory:
		return nil, errors.New("minimum memoryswap limit should be larger than memory limit")
	case h.MemorySwappiness != nil && (*h.MemorySwappiness < -1 || *h.MemorySwappiness > 100):
		return nil, fmt.Errorf("invalid value: %d, valid memory swappiness range is 0-100", *h.MemorySwappiness)
	}
	m := &specs.LinuxMemory{}
	if h.Memory > 0 {
		m.Limit = &h.Memory
		swap := h.MemorySwap
		if swap == 0 {
			swap = 2 * h.Memory
		}
		if req.Machine.SwapAccounting {
			m.Swap = &swap
		} else if h.MemorySwap > 0 && h.MemorySwap != h.Memory {
			return nil, errors.New("a swap limit is asked for, which this machine's kernel doesn't account")
		}
	}
	if h.MemoryReservation > 0 {
		m.Reservation = &h.MemoryReservation
	}
	if h.MemorySwappiness != nil && *h.MemorySwappiness >= 0 && !req.Machine.UnifiedCgroups {
		swappiness := uint64(*h.MemorySwappiness)
		m.Swappiness = &swappiness
	}
	return m, nil
}

func cpu(req Request) (*specs.LinuxCPU, error) {
	h := req.Host.Resources
	c := &specs.LinuxCPU{Cpus: h.CpusetCpus, Mems: h.CpusetMems}
	if h.CPUShares < 0 || h.CPUQuota < -1 || h.CPUPeriod < 0 || h.NanoCPUs < 0 {
		return nil, errors.New("a CPU limit is negative")
	}
	if h.CPUShares > 0 {
		shares := max(uint64(h.CPUShares), 2)
		c.Shares = &shares
	}
	if h.NanoCPUs > 0 && (h.CPUQuota > 0 || h.CPUPeriod > 0) {
		return nil, errors.New("conflicting options: Nano CPUs and CPU Quota or Period cannot both be set")
	}
	period, quota := uint64(h.CPUPeriod), h.CPUQuota
	if h.NanoCPUs > 0 {
		period, quota = cpuPeriod, h.NanoCPUs*cpuPeriod/1e9
	}
	if period > 0 {
		c.Period = &period
	}
	if quota > 0 {
		c.Quota = &quota
	}
	return c, nil
}
