package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// What containers are limited by. On v2 devices are filtered by a program and freezing belongs to every group.
var (
	neededOnV1 = []string{"cpu", "devices", "freezer", "memory", "pids"}
	neededOnV2 = []string{"cpu", "memory", "pids"}
)

// Check says why containers can't be limited by this tree, and what to do about it; nil when they can.
func (t Tree) Check() error {
	var missing []string
	if t.Unified() {
		text, err := os.ReadFile(filepath.Join(t.mounts[""], "cgroup.controllers"))
		if err != nil {
			return fmt.Errorf("read which controllers the control groups have: %w", err)
		}
		there := strings.Fields(string(text))
		for _, controller := range neededOnV2 {
			if !slices.Contains(there, controller) {
				missing = append(missing, controller)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("the control groups on %s lack what limits containers (%s): start the kernel with cgroup_enable=%s, or, inside a container, delegate it to that",
				t.mounts[""], strings.Join(missing, ", "), strings.Join(missing, ","))
		}
	} else {
		for _, controller := range neededOnV1 {
			if t.mounts[controller] == "" {
				missing = append(missing, controller)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("no control groups are mounted that limit containers (%s): mount them under /sys/fs/cgroup, as systemd or cgroupfs-mount do",
				strings.Join(missing, ", "))
		}
	}
	for _, point := range t.points() {
		var fs unix.Statfs_t
		if err := unix.Statfs(point, &fs); err != nil {
			return fmt.Errorf("look at the control groups on %s: %w", point, err)
		}
		if fs.Flags&unix.ST_RDONLY != 0 {
			return fmt.Errorf("the control groups on %s are mounted read-only, so containers can't get limits: inside a container, run it privileged", point)
		}
	}
	return nil
}
