package native

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"
)

// processors is the time that the machine's CPUs have had, busy or not.
type processors struct {
	used   uint64 // nanoseconds, of all together
	online uint32
}

func readProcessors() (processors, error) {
	f, err := os.Open("/proc/stat")
	if err != nil {
		return processors{}, err
	}
	defer f.Close()
	return parseProcessors(f)
}

// tick is the unit of /proc/stat: Linux counts a hundred in a second for every program, whatever it does inside.
const tick = 10_000_000

// parseProcessors reads /proc/stat. What guests had is in their hosts' time too and is left out.
func parseProcessors(stat io.Reader) (p processors, err error) {
	lines := bufio.NewScanner(stat)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || !strings.HasPrefix(fields[0], "cpu") {
			break
		}
		if fields[0] != "cpu" {
			p.online++
			continue
		}
		for _, field := range fields[1:8] {
			n, err := strconv.ParseUint(field, 10, 64)
			if err != nil {
				return p, fmt.Errorf("read /proc/stat: %w", err)
			}
			p.used += n * tick
		}
	}
	return p, lines.Err()
}

func machineMemory() (int64, error) {
	var machine unix.Sysinfo_t
	if err := unix.Sysinfo(&machine); err != nil {
		return 0, fmt.Errorf("read the machine's memory: %w", err)
	}
	return int64(machine.Totalram) * int64(machine.Unit), nil
}

// readInterfaces reads the counters of the interfaces that a process has of its own: none on the host's network.
func readInterfaces(pid int) map[string]container.NetworkStats {
	own, err := os.Readlink("/proc/self/ns/net")
	theirs, theirErr := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil || theirErr != nil || own == theirs {
		return nil
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		return nil
	}
	defer f.Close()
	return parseInterfaces(f)
}

// parseInterfaces reads /proc/PID/net/dev, all interfaces but the loopback one.
func parseInterfaces(dev io.Reader) map[string]container.NetworkStats {
	all := map[string]container.NetworkStats{}
	for lines := bufio.NewScanner(dev); lines.Scan(); {
		name, rest, ok := strings.Cut(lines.Text(), ":")
		fields := strings.Fields(rest)
		if name = strings.TrimSpace(name); !ok || len(fields) < 12 || name == "lo" {
			continue
		}
		at := func(i int) uint64 { n, _ := strconv.ParseUint(fields[i], 10, 64); return n }
		all[name] = container.NetworkStats{
			RxBytes: at(0), RxPackets: at(1), RxErrors: at(2), RxDropped: at(3),
			TxBytes: at(8), TxPackets: at(9), TxErrors: at(10), TxDropped: at(11),
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
