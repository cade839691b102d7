//go:build cgo

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/opencontainers/runc/libcontainer/exeseal"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim"
)

// pauseArg has this program pause.
const pauseArg = "pause"

// Files that the pause process is started with.
const (
	pauseProgramFD = 3
	pausedFD       = 4 // takes one line once it has given up what it had: "ok", or what is wrong
)

// nobody is the user that the pause process becomes.
const nobody = 65534

// startPause starts the first process of a new process namespace, in a control group beside the containers', and returns
// once it has nothing that a container could want of it. It is a sealed copy of this program: containers that see it must
// not get at the file.
func (t *task) startPause() error {
	group := t.tree.Group(shim.TaskGroup(t.spec.Instance, t.spec.Task) + "/" + pauseArg)
	if err := group.Create(); err != nil {
		return err
	}
	root := filepath.Join(t.dir, "pause")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	self, err := exeseal.CloneSelfExe(t.dir)
	if err != nil {
		return err
	}
	defer self.Close()
	paused, pausedEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	defer paused.Close()
	cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", pauseProgramFD), pauseArg, root)
	cmd.Args[0] = "berth-pause"
	cmd.Dir, cmd.Env, cmd.ExtraFiles = "/", []string{"GOMAXPROCS=1"}, []*os.File{self, pausedEnd}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS}
	err = cmd.Start()
	pausedEnd.Close()
	if err != nil {
		return err
	}
	t.pause = cmd
	go cmd.Wait() // without it, the dead one would keep its control group; the containers die with it
	if err := group.Add(cmd.Process.Pid); err != nil {
		return err
	}
	line, err := bufio.NewReader(paused).ReadString('\n')
	switch line = strings.TrimSpace(line); {
	case line == "ok":
		return nil
	case line != "":
		return errors.New(line)
	}
	return fmt.Errorf("its first process ended before it was ready: %w", err)
}

// pause takes no notice of signals and reaps what is orphaned, until it is killed. root is an empty directory.
func pause(root string) {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	unix.CloseOnExec(pauseProgramFD)
	paused := os.NewFile(pausedFD, "paused")
	if err := giveUp(root); err != nil {
		fmt.Fprintln(paused, err)
		os.Exit(1)
	}
	fmt.Fprintln(paused, "ok")
	paused.Close()
	unix.Close(pauseProgramFD)
	for range signals {
		for {
			if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 && err != unix.EINTR {
				break
			}
		}
	}
}

// giveUp leaves the process with an empty, read-only root and no rights. Containers share its process namespace, and one
// that may trace processes can do through it whatever it can do itself.
func giveUp(root string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep its mounts to itself: %w", err)
	}
	if err := unix.Mount("pause", root, "tmpfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NOEXEC|unix.MS_NODEV, "size=4k,nr_inodes=2,mode=555"); err != nil {
		return fmt.Errorf("mount its root: %w", err)
	}
	if err := unix.Chdir(root); err != nil {
		return err
	}
	// The old root comes to lie over the new one, and is taken off it.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change its root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the host's files: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setresgid(nobody, nobody, nobody), syscall.Setresuid(nobody, nobody, nobody)); err != nil {
		return fmt.Errorf("become nobody: %w", err)
	}
	return nil
}
