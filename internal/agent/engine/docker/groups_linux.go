package docker

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/moby/moby/api/types/system"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim/cgroup"
)

// groups are the control groups above tasks' containers, where the limits of whole tasks are. It takes a daemon of this
// machine that makes control groups itself, by path.
type groups struct {
	tree cgroup.Tree
	root string
}

// findGroups returns nil where tasks can't have a control group of their own.
func findGroups(instance string, info system.Info) *groups {
	if os.Geteuid() != 0 || info.CgroupDriver != "cgroupfs" || !sameMachine(info) {
		return nil
	}
	tree, err := cgroup.Find()
	if err != nil {
		return nil
	}
	g := &groups{tree: tree, root: "/berth/" + instance + "/docker"}
	if err := tree.Group(g.root).Create(); err != nil {
		return nil
	}
	return g
}

// sameMachine says whether a daemon is of the machine, and the kernel, that the agent runs on.
func sameMachine(info system.Info) bool {
	var kernel unix.Utsname
	host, err := os.Hostname()
	return err == nil && unix.Uname(&kernel) == nil && info.Name == host && info.KernelVersion == unix.ByteSliceToString(kernel.Release[:])
}

func (g *groups) path(task string) string { return path.Join(g.root, task) }

// limit makes a task's group with its limits.
func (g *groups) limit(task string, l limits) error {
	group := g.tree.Group(g.path(task))
	if err := group.Create(); err != nil {
		return err
	}
	set := cgroup.Limits{CPUShares: uint64(l.shares), Memory: l.memory, PIDs: cgroup.ProcessLimit()}
	if l.hard {
		set.CPUQuota = l.shares * cgroup.Period / 1024
	}
	return group.Limit(set)
}

// remove removes a task's group, in which nothing runs any more.
func (g *groups) remove(ctx context.Context, task string) error {
	if g == nil {
		return nil
	}
	err := g.tree.Group(g.path(task)).Remove(ctx)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}

// clean removes the instance's groups.
func (g *groups) clean(ctx context.Context) error {
	if g == nil {
		return nil
	}
	return g.tree.Group(g.root).Remove(ctx)
}
