package bench

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/berth-dev/berth/internal/instance"
	"github.com/berth-dev/berth/test/berthtest"
)

// BenchmarkMemory weighs an idle `berth dev`, and the shims of tasks that run.
func BenchmarkMemory(b *testing.B) {
	const tasks = 10
	s := startWithFamilies(b)
	idle := memory(b, s.PID(), "Rss")
	measured.add(row{What: "berth dev, idle after its start (RSS)", Value: idle, Unit: "MB", AtMost: 150})
	arns, _ := s.up(hello, tasks)
	in, err := instance.Find(s.Dir)
	if err != nil {
		b.Fatal(err)
	}
	var shims float64
	for _, arn := range arns {
		for _, pid := range berthtest.ShimPIDs(b, in.ID, arn) {
			shims += memory(b, pid, "Pss")
		}
	}
	measured.add(row{What: fmt.Sprintf("shim, each of %d (PSS)", tasks), Value: shims / tasks, Unit: "MB", AtMost: 4})
	s.down(arns)
	for range 3 {
		s.launch(small, 50)
	}
	used := memory(b, s.PID(), "Rss")
	measured.add(row{What: "berth dev after 160 tasks (RSS)", Value: used, Unit: "MB", AtMost: 150})
	b.ReportMetric(idle, "MB/idle")
	b.ReportMetric(shims/tasks, "MB/shim")
	b.ReportMetric(0, "ns/op")
}

// memory is a process's memory of a kind that smaps_rollup tells, in MB.
func memory(b *testing.B, pid int, kind string) float64 {
	b.Helper()
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range bytes.Lines(rollup) {
		var kb float64
		if n, _ := fmt.Sscanf(string(line), kind+": %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	b.Fatalf("the kernel tells no %s", kind)
	return 0
}
