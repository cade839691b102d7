package cgroup

import (
	"math"
	"os"
	"strconv"
	"strings"
)

// What a task may hold of the processes and threads that the machine has room for: systemd's share of a service, and
// never so many that their end alone takes the machine long.
const (
	processShare = 15 // percent
	processMost  = 16384
)

// ProcessLimit bounds what a task forks, so that it runs into its own bound before the machine does.
func ProcessLimit() int64 {
	limit := int64(math.MaxInt64)
	for _, file := range []string{"/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			limit = min(limit, n*processShare/100)
		}
	}
	return min(limit, processMost)
}
