//go:build cgo

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	pathrs "github.com/cyphar/filepath-securejoin/pathrs-lite"
	"github.com/moby/sys/user"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim"
)

// complete fills in what only the shim knows of a container's specification.
func (c *container) complete() error {
	s := c.spec.Spec
	if s == nil || s.Process == nil || s.Linux == nil || len(s.Process.Args) == 0 {
		return shim.Errorf(shim.Invalid, "the specification of %s has no process", c.spec.Name)
	}
	if s.Process.Capabilities == nil { // none: what is empty is left out of a frame, and libcontainer takes nothing for all of them
		s.Process.Capabilities = &specs.LinuxCapabilities{}
	}
	readonly := s.Root != nil && s.Root.Readonly
	s.Root = &specs.Root{Path: c.rootfs(), Readonly: readonly}
	s.Linux.CgroupsPath = shim.ContainerGroup(c.task.spec.Instance, c.task.spec.Task, c.spec.RuntimeID)
	if path := c.netnsPath(); path != "" || c.spec.NoNetwork {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: path})
	}
	s.Linux.Namespaces = append(s.Linux.Namespaces, c.task.shared()...)
	if c.spec.Init {
		if err := underReaper(s); err != nil {
			return err
		}
	}
	return c.resolveUser()
}

// resolveUser finds the numbers of the container's user.
func (c *container) resolveUser() (err error) {
	c.spec.Spec.Process.User, err = c.lookUp(c.spec.User, c.spec.Spec.Process.User.Umask)
	return err
}

// lookUp looks a user's names up in the container's own passwd and group files. The first group is among the others too, as
// with Docker: a process can't shed what a file's permissions deny to that group.
func (c *container) lookUp(name string, umask *uint32) (specs.User, error) {
	passwd, err := c.open("etc/passwd")
	if err != nil {
		return specs.User{}, err
	}
	defer passwd.Close()
	group, err := c.open("etc/group")
	if err != nil {
		return specs.User{}, err
	}
	defer group.Close()
	who, err := user.GetExecUser(name, &user.ExecUser{Home: "/"}, passwd, group)
	if err != nil {
		return specs.User{}, fmt.Errorf("user %q: %w", name, err)
	}
	more := append([]int{who.Gid}, who.Sgids...)
	if len(c.spec.Groups) > 0 {
		again, err := c.open("etc/group")
		if err != nil {
			return specs.User{}, err
		}
		defer again.Close()
		added, err := user.GetAdditionalGroups(c.spec.Groups, again)
		if err != nil {
			return specs.User{}, fmt.Errorf("groups %s: %w", strings.Join(c.spec.Groups, ", "), err)
		}
		more = append(more, added...)
	}
	u := specs.User{UID: uint32(who.Uid), GID: uint32(who.Gid), Umask: umask}
	for _, g := range more {
		if !slices.Contains(u.AdditionalGids, uint32(g)) {
			u.AdditionalGids = append(u.AdditionalGids, uint32(g))
		}
	}
	return u, nil
}

// open opens a regular file of the root file system without leaving it by a symbolic link. An absent file is empty.
func (c *container) open(name string) (io.ReadCloser, error) {
	handle, err := pathrs.OpenInRoot(c.rootfs(), name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return io.NopCloser(strings.NewReader("")), nil
	}
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	info, err := handle.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the image's %s is not a regular file", name)
	}
	return os.Open("/proc/self/fd/" + strconv.Itoa(int(handle.Fd())))
}

// rlimits are the limits that a specification can name.
var rlimits = map[string]int{
	"RLIMIT_CPU": unix.RLIMIT_CPU, "RLIMIT_FSIZE": unix.RLIMIT_FSIZE, "RLIMIT_DATA": unix.RLIMIT_DATA,
	"RLIMIT_STACK": unix.RLIMIT_STACK, "RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_RSS": unix.RLIMIT_RSS,
	"RLIMIT_NPROC": unix.RLIMIT_NPROC, "RLIMIT_NOFILE": unix.RLIMIT_NOFILE, "RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK,
	"RLIMIT_AS": unix.RLIMIT_AS, "RLIMIT_LOCKS": unix.RLIMIT_LOCKS, "RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING,
	"RLIMIT_MSGQUEUE": unix.RLIMIT_MSGQUEUE, "RLIMIT_NICE": unix.RLIMIT_NICE, "RLIMIT_RTPRIO": unix.RLIMIT_RTPRIO,
	"RLIMIT_RTTIME": unix.RLIMIT_RTTIME,
}

// process turns a specification's process into libcontainer's; what is not here libcontainer takes from its own
// configuration (capabilities, no-new-privileges and so on).
func process(s *specs.Spec) (*libcontainer.Process, error) {
	p := &libcontainer.Process{
		Args: s.Process.Args, Env: s.Process.Env, Cwd: s.Process.Cwd, Init: true, LogLevel: "3",
		UID: int(s.Process.User.UID), GID: int(s.Process.User.GID),
	}
	for _, g := range s.Process.User.AdditionalGids {
		p.AdditionalGroups = append(p.AdditionalGroups, int(g))
	}
	for _, l := range s.Process.Rlimits {
		number, ok := rlimits[l.Type]
		if !ok {
			return nil, shim.Errorf(shim.Invalid, "there is no limit %s", l.Type)
		}
		p.Rlimits = append(p.Rlimits, configs.Rlimit{Type: number, Soft: l.Soft, Hard: l.Hard})
	}
	return p, nil
}
