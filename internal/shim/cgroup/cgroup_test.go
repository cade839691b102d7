package cgroup

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// trees returns the machine's own tree and, on a hybrid one, its unified hierarchy taken as v2 alone.
func trees(t *testing.T) map[string]Tree {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("control groups need root")
	}
	tree, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Tree{"the machine's": tree}
	if unified := tree.mounts[""]; unified != "" && !tree.Unified() {
		all["unified"] = Tree{mounts: map[string]string{"": unified}}
	}
	return all
}

func TestGroupsAreMadeEmptiedAndRemoved(t *testing.T) {
	for name, tree := range trees(t) {
		t.Run(name, func(t *testing.T) {
			top := tree.Group(fmt.Sprintf("/berth/test-%08x", rand.Uint32()))
			group := tree.Group(top.path + "/task/inner")
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			for range 2 {
				if err := group.Create(); err != nil {
					t.Fatal(err)
				}
			}
			// A child joins as a shim does: by itself, by the kernel's name for it.
			child := exec.Command("/bin/sh", "-c", "trap '' TERM; for f in \"$@\"; do echo 0 > $f/cgroup.procs; done; echo in; while :; do sleep 1; done", "sh")
			child.Args = append(child.Args, group.dirs()...)
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 3)); err != nil {
				t.Fatal(err)
			}
			if pids, err := top.Processes(); err != nil || len(pids) == 0 || pids[0] > child.Process.Pid {
				t.Errorf("the processes are %v, %v; the child is %d", pids, err, child.Process.Pid)
			}
			short, stop := context.WithTimeout(ctx, 20*time.Millisecond)
			defer stop()
			if err := top.Remove(short); err == nil {
				t.Error("a group with a process in it was removed")
			}
			for range 2 {
				if err := top.Kill(ctx); err != nil {
					t.Fatal(err)
				}
				if err := top.Remove(ctx); err != nil {
					t.Fatal(err)
				}
			}
			child.Wait()
			for _, dir := range top.dirs() {
				if _, err := os.Stat(dir); err == nil {
					t.Errorf("%s is left", dir)
				}
			}
		})
	}
}

// A privileged container may make threaded groups below its own, whose list of processes can't be read.
func TestAThreadedGroupIsEmptiedToo(t *testing.T) {
	tree, ok := trees(t)["unified"]
	if !ok {
		tree = trees(t)["the machine's"]
	}
	if !tree.Unified() {
		t.Skip("the machine has no unified hierarchy")
	}
	group := tree.Group(fmt.Sprintf("/berth/test-%08x", rand.Uint32()))
	if err := group.Create(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	defer group.Remove(ctx)
	threaded := filepath.Join(group.Dir(""), "threaded")
	if err := os.Mkdir(threaded, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(threaded, "cgroup.type"), []byte("threaded"), 0); err != nil {
		t.Skip(err)
	}
	child := exec.Command("/bin/sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	if err := os.WriteFile(filepath.Join(group.Dir(""), "cgroup.procs"), fmt.Append(nil, child.Process.Pid), 0); err != nil {
		t.Fatal(err)
	}
	if pids, err := group.Processes(); err != nil || !slices.Equal(pids, []int{child.Process.Pid}) {
		t.Errorf("the processes are %v, %v; the child is %d", pids, err, child.Process.Pid)
	}
	if err := group.Kill(ctx); err != nil {
		t.Error(err)
	}
}

func TestWhichHierarchiesAreMounted(t *testing.T) {
	const v1 = `29 23 0:25 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
30 29 0:26 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
31 29 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,seclabel,cpu,cpuacct
32 29 0:28 / /sys/fs/cgroup/systemd rw,nosuid - cgroup cgroup rw,xattr,name=systemd
90 29 0:27 /x /srv/jail/sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
`
	const v2 = `30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
`
	for _, c := range []struct {
		name, mountinfo string
		unified         bool
		points          []string
	}{
		{"v2", v2, true, []string{"/sys/fs/cgroup"}},
		{"v2 with a VPN client's v1 hierarchy", "12 23 0:50 / /sys/fs/cgroup/net_cls rw - cgroup cgroup rw,net_cls\n" + v2, true, []string{"/sys/fs/cgroup"}},
		{"v2 mounted a second time", "12 23 0:26 / /run/cilium/cgroupv2 rw - cgroup2 none rw\n" + v2, true, []string{"/sys/fs/cgroup"}},
		{"hybrid", v1, false, []string{"/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"}},
	} {
		tree, err := find(strings.NewReader(c.mountinfo))
		if err != nil || tree.Unified() != c.unified || !slices.Equal(tree.points(), c.points) {
			t.Errorf("%s: unified %v, %v, %v", c.name, tree.Unified(), tree.points(), err)
		}
	}
	if _, err := find(strings.NewReader("12 23 0:50 / /opt/vpn/net_cls rw - cgroup cgroup rw,net_cls\n")); err == nil {
		t.Error("a hierarchy elsewhere is taken for the machine's")
	}
}

// The files that limits are written to, and what is written, on both versions.
func TestLimits(t *testing.T) {
	limits := Limits{CPUShares: 512, CPUQuota: 50_000, Memory: 64 << 20}
	for name, c := range map[string]struct {
		controllers []string
		want        map[string]string
	}{
		"v1": {[]string{"cpu", "memory"}, map[string]string{
			"cpu.shares": "512", "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000", "memory.limit_in_bytes": "67108864"}},
		"v2": {[]string{""}, map[string]string{"cpu.weight": "20", "cpu.max": "50000 100000", "memory.max": "67108864"}},
	} {
		t.Run(name, func(t *testing.T) {
			tree := Tree{mounts: map[string]string{}}
			dir := t.TempDir()
			for _, controller := range c.controllers {
				tree.mounts[controller] = dir
			}
			if name == "v1" {
				tree.mounts["cpuset"] = filepath.Join(dir, "elsewhere")
			}
			if err := tree.Group("/").Limit(limits); err != nil {
				t.Fatal(err)
			}
			for file, want := range c.want {
				if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != want {
					t.Errorf("%s is %q, %v; wanted %q", file, got, err, want)
				}
			}
		})
	}
}

func TestOOMKillsAreCounted(t *testing.T) {
	for name, c := range map[string]struct{ controller, file, content string }{
		"v1": {"memory", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"},
		"v2": {"", "memory.events", "low 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		tree := Tree{mounts: map[string]string{c.controller: dir}}
		if n := tree.Group("/").OOMKills(); n != 2 {
			t.Errorf("%s: %d", name, n)
		}
	}
}

func TestSwapIsLimitedWhereTheKernelCan(t *testing.T) {
	for name, c := range map[string]struct{ controller, file string }{
		"v1": {"memory", "memory.memsw.limit_in_bytes"},
		"v2": {"", "memory.swap.max"},
	} {
		dir := t.TempDir()
		group := Tree{mounts: map[string]string{c.controller: dir}}.Group("/berth/0a1b2c3d/shims")
		if err := group.Create(); err != nil {
			t.Fatal(err)
		}
		if group.LimitsSwap() {
			t.Errorf("%s without swap accounting: swap is taken for limited", name)
		}
		if err := os.WriteFile(filepath.Join(dir, "berth/0a1b2c3d/shims", c.file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if !group.LimitsSwap() {
			t.Errorf("%s: swap is taken for not limited", name)
		}
	}
}

func TestSharesBecomeWeight(t *testing.T) {
	for shares, want := range map[uint64]uint64{0: 1, 2: 1, 1024: 39, 262144: 10000, 1 << 40: 10000} {
		if got := weight(shares); got != want {
			t.Errorf("weight(%d) = %d, not %d", shares, got, want)
		}
	}
}
