package instance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// MakeRunDir makes the run directory. Where /run is on a disk it is a file system of its own, in memory: what is in it must not outlive a
// boot, and a task's start makes some twenty files there, which cost a disk's file system 15 ms and more. A directory that holds something stays as it is,
// for tasks run there; so does one where nothing may be mounted.
func (in *Instance) MakeRunDir() error { return makeRunDir(in.RunDir()) }

func makeRunDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = unix.Access(filepath.Dir(dir), unix.W_OK) // what instances share is there
	}
	if err != nil {
		return fmt.Errorf("make the run directory %s: %w; sockets and namespaces live there, so /run must be writable", dir, err)
	}
	held, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the run directory: %w", err)
	}
	if len(held) > 0 || inMemory(dir) {
		return nil
	}
	err = unix.Mount("berth", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700")
	if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	return nil
}

// RemoveRunDir removes the run directory and what is in it, in which nothing is mounted any more.
func (in *Instance) RemoveRunDir() error { return removeRunDir(in.RunDir()) }

func removeRunDir(dir string) error {
	for isMountPoint(dir) {
		if err := unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmount the run directory: %w", err)
		}
	}
	return os.RemoveAll(dir)
}

// inMemory tells whether a directory is on a file system that a boot forgets.
func inMemory(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && (fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC)
}

// isMountPoint tells whether a directory is on another device than the one above it.
func isMountPoint(dir string) bool {
	var here, above unix.Stat_t
	return unix.Lstat(dir, &here) == nil && unix.Lstat(filepath.Dir(dir), &above) == nil && here.Dev != above.Dev
}
