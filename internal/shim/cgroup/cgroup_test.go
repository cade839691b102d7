package cgroup

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
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

func TestSharesBecomeWeight(t *testing.T) {
	for shares, want := range map[uint64]uint64{0: 1, 2: 1, 1024: 39, 262144: 10000, 1 << 40: 10000} {
		if got := weight(shares); got != want {
			t.Errorf("weight(%d) = %d, not %d", shares, got, want)
		}
	}
}
