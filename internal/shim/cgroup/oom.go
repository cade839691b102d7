package cgroup

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// OOMKills counts the processes of the group that the kernel killed for want of memory.
func (g Group) OOMKills() int64 {
	file := filepath.Join(g.Dir("memory"), "memory.oom_control")
	if g.tree.Unified() {
		file = filepath.Join(g.Dir(""), "memory.events")
	}
	f, err := os.Open(file)
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if count, ok := strings.CutPrefix(lines.Text(), "oom_kill "); ok {
			n, _ := strconv.ParseInt(count, 10, 64)
			return n
		}
	}
	return 0
}
