package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/cgroups"
)

func TestStatsOfTheUnifiedHierarchy(t *testing.T) {
	cgroups.TestMode = true // or it reads cgroup2 file systems alone
	defer func() { cgroups.TestMode = false }()
	root := t.TempDir()
	g := Tree{mounts: map[string]string{"": root}}.Group("/berth/0a/task/b/c")
	if err := os.MkdirAll(g.Dir(""), 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"cpu.stat":       "usage_usec 1000\nuser_usec 600\nsystem_usec 400\nnr_periods 3\nnr_throttled 2\nthrottled_usec 50\n",
		"memory.stat":    "anon 10\nfile 20\ninactive_file 5\n",
		"memory.current": "4096\n", "memory.max": "max\n",
		"pids.current": "7\n", "pids.max": "100\n",
		"io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n",
	} {
		if err := os.WriteFile(filepath.Join(g.Dir(""), file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := g.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if c := s.CpuStats; c.CpuUsage.TotalUsage != 1_000_000 || c.CpuUsage.UsageInUsermode != 600_000 || c.ThrottlingData.ThrottledTime != 50_000 || c.ThrottlingData.ThrottledPeriods != 2 {
		t.Errorf("cpu: %+v", c)
	}
	if m := s.MemoryStats; m.Usage.Usage != 4096 || m.Usage.Limit != 1<<64-1 || m.Stats["inactive_file"] != 5 {
		t.Errorf("memory: %+v", m)
	}
	if s.PidsStats.Current != 7 || s.PidsStats.Limit != 100 || len(s.BlkioStats.IoServiceBytesRecursive) < 2 {
		t.Errorf("pids %+v, blkio %+v", s.PidsStats, s.BlkioStats)
	}
	if _, err := (Tree{mounts: map[string]string{"": root}}).Group("/gone").Stats(); err == nil {
		t.Error("an absent group has counters")
	}
}
