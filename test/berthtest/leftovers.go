package berthtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
)

// Leftovers lists what an instance has on the machine now: processes, cgroups, mounts, namespaces, links; sorted.
func Leftovers(t testing.TB, instance string) []string {
	t.Helper()
	left := append(processes(t, instance), cgroups(instance)...)
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, instance) {
			left = append(left, "mount "+strings.Fields(line)[1])
		}
	}
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if strings.Contains(l.Attrs().Name, instance) {
			left = append(left, "link "+l.Attrs().Name)
		}
	}
	for _, dir := range []string{"/run/berth/" + instance} {
		_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				left = append(left, "file "+path)
			}
			return nil
		})
	}
	slices.Sort(left)
	return slices.Compact(left)
}

// TaskLeftovers lists what an instance's tasks have: their shims' processes and their cgroups.
func TaskLeftovers(t testing.TB, instance string) []string {
	t.Helper()
	var left []string
	for _, l := range Leftovers(t, instance) {
		if strings.HasPrefix(l, "process ") || strings.Contains(l, "/task/") {
			left = append(left, l)
		}
	}
	return left
}

// processes lists the processes in the instance's cgroups.
func processes(t testing.TB, instance string) []string {
	t.Helper()
	var found []string
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		groups, err := os.ReadFile(filepath.Join("/proc", d.Name(), "cgroup"))
		if err != nil || !bytes.Contains(groups, []byte("/berth/"+instance)) {
			continue // ended, or not ours
		}
		line, err := os.ReadFile(filepath.Join("/proc", d.Name(), "cmdline"))
		if err != nil || len(line) == 0 {
			continue // a dead one that its parent has not reaped yet
		}
		found = append(found, fmt.Sprintf("process %d %s", pid, bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
	}
	return found
}

func cgroups(instance string) []string {
	var found []string
	for _, pattern := range []string{"/sys/fs/cgroup/berth/", "/sys/fs/cgroup/*/berth/"} {
		roots, _ := filepath.Glob(pattern + instance)
		for _, root := range roots {
			_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					found = append(found, "cgroup "+path)
				}
				return nil
			})
		}
	}
	return found
}

// ShimPIDs lists the processes of the shim of a task, given by its ARN.
func ShimPIDs(t testing.TB, instance, taskARN string) []int {
	t.Helper()
	id := taskARN[strings.LastIndex(taskARN, "/")+1:]
	var pids []int
	for _, p := range processes(t, instance) {
		fields := strings.Fields(p)
		if strings.Contains(p, "berth-shim") && strings.Contains(p, id) {
			pid, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		t.Fatalf("task %s has no shim", id)
	}
	return pids
}

// KillPID ends one process by SIGKILL.
func KillPID(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
}
