//go:build cgo

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	continuity "github.com/containerd/continuity/fs"
	pathrs "github.com/cyphar/filepath-securejoin/pathrs-lite"
	sysmount "github.com/moby/sys/mount"
	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/internal/shim"
)

// Files in a volume's guard directory.
const (
	fillLock    = "lock"    // held while the volume is filled
	fillingMark = "filling" // there while it is: an end without warning leaves it, and what was copied is no volume's content yet
)

// volumeReady makes a volume ready for a container whose root file system stands.
func (c *container) volumeReady(v shim.Volume) error {
	if v.Mount != nil {
		if err := c.task.mountVolume(v); err != nil {
			return err
		}
	}
	if v.Sub != "" {
		if err := bindBelow(v); err != nil {
			return err
		}
	}
	if v.Fill == "" {
		return nil
	}
	return c.fill(v)
}

// mountVolume mounts what a volume's options say, unless a container of the task has it already. The mount is in this
// process's namespace alone and goes with it. It is called with making held.
func (t *task) mountVolume(v shim.Volume) error {
	if t.mounted[v.Path] {
		return nil
	}
	if err := os.MkdirAll(v.Path, 0o711); err != nil {
		return err
	}
	if err := sysmount.Mount(v.Mount.Source, v.Path, v.Mount.Type, strings.Join(v.Mount.Options, ",")); err != nil {
		return fmt.Errorf("failed to mount local volume: %w", err)
	}
	t.mounted[v.Path] = true
	return nil
}

// bindBelow binds a directory of a volume to a place of its own. Whoever can write to the volume cannot lead it elsewhere
// by a symbolic link.
func bindBelow(v shim.Volume) error {
	handle, err := pathrs.OpenInRoot(v.Path, v.Sub)
	if err != nil {
		return fmt.Errorf("cannot access path %s of the volume: %w", v.Sub, err)
	}
	defer handle.Close()
	if err := os.MkdirAll(v.At, 0o711); err != nil {
		return err
	}
	if err := unix.Mount(procPath(handle), v.At, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind path %s of the volume: %w", v.Sub, err)
	}
	return nil
}

func procPath(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// fill has an empty volume take on what the image has where it is mounted: content, owner and mode. One filling of a
// volume goes on at a time, and one that was cut off is begun again.
func (c *container) fill(v shim.Volume) error {
	from, err := pathrs.OpenInRoot(c.rootfs(), v.Fill)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	defer from.Close()
	if info, err := from.Stat(); err != nil || !info.IsDir() {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(v.Guard, fillLock), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	to := v.Source()
	mark := filepath.Join(v.Guard, fillingMark)
	if v.Mount != nil || v.Sub != "" { // what is there may be of others, who know nothing of the mark
		mark = ""
	}
	if empty, err := emptied(to, mark); err != nil || !empty {
		return err
	}
	if mark != "" {
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			return err
		}
	}
	if err := copyInto(to, from); err != nil {
		return fmt.Errorf("fill the volume for %s: %w", v.Fill, err)
	}
	if mark == "" {
		return nil
	}
	return os.Remove(mark)
}

// copyInto copies a directory's content into a volume, which others may write to meanwhile: it does so from a thread whose root
// is the volume, so that no symbolic link that they put in its way leads out of it.
func copyInto(volume string, from *os.File) (err error) {
	onThread(func() {
		if err = unix.Unshare(unix.CLONE_FS); err != nil {
			return
		}
		if err = unix.Chroot(volume); err != nil {
			return
		}
		if err = unix.Fchdir(int(from.Fd())); err != nil { // outside of the root, and reached as "." alone
			return
		}
		err = continuity.CopyDir("/", ".", continuity.WithAllowXAttrErrors())
	})
	return err
}

// emptied says whether a directory is empty, once what a filling left that was cut off is gone.
func emptied(dir, mark string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	if len(entries) == 0 {
		return true, nil
	}
	if mark == "" {
		return false, nil
	}
	if _, err := os.Stat(mark); err != nil {
		return false, nil
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return false, err
		}
	}
	return true, nil
}
