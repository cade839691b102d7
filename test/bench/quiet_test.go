package bench

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// quiet waits until the machine has done what was left of the last benchmark, such as the kernel's removal of its cgroups, namespaces and
// mounts. It waits for ten seconds at most: others may use the machine too.
func quiet(b *testing.B) {
	b.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		idle, all := processors(b)
		time.Sleep(250 * time.Millisecond)
		idleNow, allNow := processors(b)
		if float64(idleNow-idle) > 0.95*float64(allNow-all) {
			return
		}
	}
}

// processors is how long the machine's processors had nothing to do, and how long they were there, in ticks (proc_stat(5)).
func processors(b *testing.B) (idle, all int64) {
	b.Helper()
	stat, err := os.Open("/proc/stat")
	if err != nil {
		b.Fatal(err)
	}
	defer stat.Close()
	var name string
	var ticks [8]int64 // user, nice, system, idle, iowait, irq, softirq, steal
	if _, err := fmt.Fscan(stat, &name, &ticks[0], &ticks[1], &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7]); err != nil {
		b.Fatalf("read /proc/stat: %v", err)
	}
	for _, n := range ticks {
		all += n
	}
	return ticks[3] + ticks[4], all
}
