//go:build cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim"
)

var mountFlags = map[string]uintptr{
	"ro": unix.MS_RDONLY, "rw": 0, "bind": unix.MS_BIND, "rbind": unix.MS_BIND | unix.MS_REC,
	"nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC, "noatime": unix.MS_NOATIME,
}

// mountRootfs makes the mounts in order on target.
func mountRootfs(mounts []shim.Mount, target string) error {
	if err := os.MkdirAll(target, 0o711); err != nil {
		return err
	}
	for _, m := range mounts {
		if err := mount(m, target); err != nil {
			return fmt.Errorf("mount the root file system (%s): %w", m.Type, err)
		}
	}
	return nil
}

func mount(m shim.Mount, target string) error {
	var flags uintptr
	var data []string
	for _, o := range m.Options {
		if f, ok := mountFlags[o]; ok {
			flags |= f
		} else {
			data = append(data, o)
		}
	}
	if len(strings.Join(data, ",")) >= os.Getpagesize() {
		return mountFrom(m, target, flags, data)
	}
	if err := unix.Mount(m.Source, target, m.Type, flags, strings.Join(data, ",")); err != nil {
		return err
	}
	if readonlyBind := unix.MS_BIND | unix.MS_RDONLY; flags&uintptr(readonlyBind) == uintptr(readonlyBind) {
		return unix.Mount("", target, "", flags|unix.MS_REMOUNT, "")
	}
	return nil
}

// mountFrom mounts an overlay of so many layers that their paths don't fit the page that mount(2) takes: it goes to the
// directory above them all and names them from there.
func mountFrom(m shim.Mount, target string, flags uintptr, data []string) error {
	i := slices.IndexFunc(data, func(o string) bool { return strings.HasPrefix(o, "lowerdir=") })
	if i < 0 {
		return errors.New("the options are too long")
	}
	dirs := strings.Split(strings.TrimPrefix(data[i], "lowerdir="), ":")
	above := commonDir(dirs)
	for n := range dirs {
		dirs[n] = strings.TrimPrefix(strings.TrimPrefix(dirs[n], above), "/")
	}
	data = slices.Clone(data)
	data[i] = "lowerdir=" + strings.Join(dirs, ":")
	done := make(chan error, 1)
	go func() {
		// The working directory belongs to a thread once CLONE_FS is undone; the thread ends with this goroutine.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			done <- err
			return
		}
		if err := unix.Chdir(above); err != nil {
			done <- err
			return
		}
		done <- unix.Mount(m.Source, target, m.Type, flags, strings.Join(data, ","))
	}()
	return <-done
}

func commonDir(dirs []string) string {
	common := filepath.Dir(dirs[0])
	for _, d := range dirs {
		for common != "/" && !strings.HasPrefix(d, common+"/") {
			common = filepath.Dir(common)
		}
	}
	return common
}

func unmountRootfs(target string) error {
	for {
		switch err := unix.Unmount(target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err {
		case nil:
		case unix.EINVAL, unix.ENOENT: // nothing is mounted there any more
			return nil
		default:
			return fmt.Errorf("unmount %s: %w", target, err)
		}
	}
}
