//go:build cgo

package main

import (
	"fmt"
	"os"
	"path/filepath"

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
