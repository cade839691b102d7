package native

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/cgroups"
)

func TestProcessorsAreCountedAsDockerDoes(t *testing.T) {
	p, err := parseProcessors(strings.NewReader("cpu  100 1 50 900 9 0 2 3 70 7\ncpu0 50 0 25 450 5 0 1 1 35 3\ncpu1 50 1 25 450 4 0 1 2 35 4\nintr 1 2 3\ncpu9 1 1 1 1 1 1 1 1\n"))
	if want := (processors{used: 1062 * tick, online: 2}); p != want || err != nil {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := parseProcessors(strings.NewReader("cpu  a b c d e f g h\n")); err == nil {
		t.Error("letters are numbers")
	}
}

func TestInterfacesAreReadButTheLoopback(t *testing.T) {
	dev := `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  111       1    0    0    0     0          0         0      111       1    0    0    0     0       0          0
  eth0: 1000      10    1    2    0     0          0         0     2000      20    3    4    0     0       0          0
`
	all := parseInterfaces(strings.NewReader(dev))
	want := container.NetworkStats{RxBytes: 1000, RxPackets: 10, RxErrors: 1, RxDropped: 2, TxBytes: 2000, TxPackets: 20, TxErrors: 3, TxDropped: 4}
	if len(all) != 1 || all["eth0"] != want {
		t.Errorf("%+v", all)
	}
}

func TestAMemoryLimitIsTheMachinesAtMost(t *testing.T) {
	s := &cgroups.Stats{MemoryStats: cgroups.MemoryStats{Usage: cgroups.MemoryData{Usage: 5, MaxUsage: 7, Limit: 1 << 62}}}
	if m := memoryStats(s, 1<<30, false); m.Limit != 1<<30 || m.MaxUsage != 7 {
		t.Errorf("on v1: %+v", m)
	}
	s.MemoryStats.Usage.Limit = 1 << 20
	if m := memoryStats(s, 1<<30, true); m.Limit != 1<<20 || m.MaxUsage != 0 {
		t.Errorf("on v2: %+v", m)
	}
}
