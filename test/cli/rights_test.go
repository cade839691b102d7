package cli

import (
	"os/exec"
	"slices"
	"testing"

	"github.com/berth-dev/berth/test/berthtest"
)

// A sandbox, a container or a mount may take from root what containers need. The start says which, and what to do.
func TestAStartThatMayNotRunContainersSaysWhy(t *testing.T) {
	start := []string{berthtest.Program(t, "berth"), "--data-dir", place(t), "dev", "--listen", "127.0.0.1:0"}
	for name, test := range map[string]struct {
		command []string
		mounts  bool // its own, which it changes
		says    []string
	}{
		"root without rights": {
			command: []string{"setpriv", "--bounding-set=-sys_admin,-net_admin"},
			says:    []string{"CAP_NET_ADMIN, CAP_SYS_ADMIN", "docker run --privileged"},
		},
		"root of a user namespace": {
			command: []string{"unshare", "--user", "--map-root-user"},
			says:    []string{"user namespace", "sudo"},
		},
		"control groups that can only be read": {
			command: []string{"sh", "-c", `for at in $(awk '$3 ~ /^cgroup/ {print $2}' /proc/mounts); do mount -o remount,bind,ro "$at"; done; exec "$@"`, "sh"},
			mounts:  true,
			says:    []string{"mounted read-only", "privileged"},
		},
		"no control groups": {
			command: []string{"sh", "-c", `umount -R /sys/fs/cgroup; exec "$@"`, "sh"},
			mounts:  true,
			says:    []string{"no control groups are mounted"},
		},
		"/run that can only be read": {
			command: []string{"sh", "-c", `mount --bind /run /run; mount -o remount,bind,ro /run; exec "$@"`, "sh"},
			mounts:  true,
			says:    []string{"/run must be writable"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			line := slices.Concat(test.command, start)
			if test.mounts {
				line = slices.Concat([]string{"unshare", "--mount"}, line)
			}
			run(t, exec.Command(line[0], line[1:]...)).refused(t, 1, test.says...)
		})
	}
}
