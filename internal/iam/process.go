package iam

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

var errNoHolder = errors.New("no process holds the socket")

// holder finds a process that holds a socket. It looks at the youngest first: a client is seldom old.
func holder(inode uint32) (pid int, err error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return 0, err
	}
	names, err := proc.Readdirnames(-1)
	proc.Close()
	if err != nil {
		return 0, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	want := fmt.Sprintf("socket:[%d]", inode)
	for _, pid := range slices.Backward(pids) {
		if holds(pid, want) {
			return pid, nil
		}
	}
	return 0, errNoHolder
}

// holds says whether a process has an open file of that name. One that is gone, or not ours to look at, has not.
func holds(pid int, want string) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	fds, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer fds.Close()
	names, err := fds.Readdirnames(-1)
	if err != nil {
		return false
	}
	for _, name := range names {
		if target, err := os.Readlink(filepath.Join(dir, name)); err == nil && target == want {
			return true
		}
	}
	return false
}

// taskCgroup is where the tasks of every Berth are, their shims included (a line of /proc/PID/cgroup is "id:controllers:path").
var taskCgroup = regexp.MustCompile(`(?m)^\d+:[^:\n]*:.*/berth/[^/\n]+/`)

// inTask says whether a process is in the cgroup of a task.
func inTask(pid int) (bool, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return false, err
	}
	return taskCgroup.Match(text), nil
}
