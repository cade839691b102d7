//go:build cgo

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/opencontainers/runc/libcontainer/exeseal"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim"
)

// share makes the namespaces that the containers share.
func (t *task) share() error {
	if t.spec.SharedPID {
		if err := t.startPause(); err != nil {
			return fmt.Errorf("make the task's process namespace: %w", err)
		}
	}
	if t.spec.SharedIPC {
		if err := t.shareMemory(); err != nil {
			return fmt.Errorf("make the task's IPC namespace: %w", err)
		}
	}
	return nil
}

// shared are the namespaces for a container's specification.
func (t *task) shared() (all []specs.LinuxNamespace) {
	if t.pause != nil {
		all = append(all, specs.LinuxNamespace{Type: specs.PIDNamespace, Path: fmt.Sprintf("/proc/%d/ns/pid", t.pause.Process.Pid)})
	}
	if t.ipc != nil {
		all = append(all, specs.LinuxNamespace{Type: specs.IPCNamespace, Path: fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), t.ipc.Fd())})
	}
	return all
}

// sharedMemory is the size of a task's /dev/shm: Docker's.
const sharedMemory = "64m"

func (t *task) shareMemory() (err error) {
	onThread(func() {
		if err = unix.Unshare(unix.CLONE_NEWIPC); err == nil {
			t.ipc, err = os.Open("/proc/thread-self/ns/ipc")
		}
	})
	if err != nil {
		return err
	}
	dir := filepath.Join(t.dir, shim.ShmDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return unix.Mount("shm", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC|unix.MS_NODEV, "mode=1777,size="+sharedMemory)
}

// pauseArg has this program pause.
const pauseArg = "pause"

// startPause starts the first process of a new process namespace, in a control group beside the containers'. It is a
// sealed copy of this program: containers that see it must not get at the file.
func (t *task) startPause() error {
	group := t.tree.Group(shim.TaskGroup(t.spec.Instance, t.spec.Task) + "/" + pauseArg)
	if err := group.Create(); err != nil {
		return err
	}
	self, err := exeseal.CloneSelfExe(t.dir)
	if err != nil {
		return err
	}
	defer self.Close()
	cmd := exec.Command("/proc/self/fd/3", pauseArg)
	cmd.Args[0] = "berth-pause"
	cmd.Dir, cmd.Env, cmd.ExtraFiles = "/", []string{"GOMAXPROCS=1"}, []*os.File{self}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	t.pause = cmd
	go cmd.Wait() // without it, the dead one would keep its control group; the containers die with it
	return group.Add(cmd.Process.Pid)
}

// pause takes no notice of signals and reaps what is orphaned, until it is killed.
func pause() {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	for range signals {
		for {
			if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 && err != unix.EINTR {
				break
			}
		}
	}
}
