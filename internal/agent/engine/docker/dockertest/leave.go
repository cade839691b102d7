//go:build linux

package dockertest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim/cgroup"
)

// killLeft ends what outlives a daemon that was killed: its shims, and the containers below them with their control groups.
func killLeft(ctx context.Context, dir string) {
	groups := map[string]bool{}
	for left := running(dir); len(left) > 0 && ctx.Err() == nil; left = running(dir) {
		for _, pid := range left {
			if group := containerGroup(pid); group != "" {
				groups[group] = true
			}
		}
		for _, pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		time.Sleep(5 * time.Millisecond) // until the kernel is done with them
	}
	tree, err := cgroup.Find()
	if err != nil {
		return
	}
	for group := range groups {
		_ = tree.Group(group).Remove(ctx)
	}
}

// running are the processes that have something below a directory in their arguments, and all below them.
func running(dir string) (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		parent, zombie := parentOf(pid)
		if zombie {
			continue
		}
		children[parent] = append(children[parent], pid)
		arguments, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if bytes.Contains(arguments, []byte(dir+"/")) {
			pids = append(pids, pid)
		}
	}
	for i := 0; i < len(pids); i++ {
		for _, child := range children[pids[i]] {
			if !slices.Contains(pids, child) {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// parentOf reads a process's parent. One that has ended counts as a zombie.
func parentOf(pid int) (parent int, zombie bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, found := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
	fields := strings.Fields(rest)
	if err != nil || !found || len(fields) < 2 {
		return 0, true
	}
	parent, _ = strconv.Atoi(fields[1])
	return parent, fields[0] == "Z"
}

// ofContainer is the path of a control group that Docker made for a container: the last part is its id.
var ofContainer = regexp.MustCompile(`^/.*[0-9a-f]{64}$`)

// containerGroup is the control group of a container's process; empty for one that is in none.
func containerGroup(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && ofContainer.MatchString(parts[2]) {
			return parts[2]
		}
	}
	return ""
}
