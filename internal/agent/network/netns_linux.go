package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// onThread runs fn on an operating system thread that is thrown away afterwards, so that fn may leave it in any
// namespace. The main thread is never used: it cannot end, and would pin the namespace that it was left in.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			// While this goroutine holds the main thread, another has to run elsewhere.
			done <- onThread(fn)
			runtime.UnlockOSThread()
			return
		}
		done <- fn()
	}()
	return <-done
}

// inside runs fn on a thread in the network namespace at path. Sockets that fn opens stay in that namespace.
func inside(path string, fn func() error) error {
	return onThread(func() error {
		ns, err := os.Open(path)
		if err != nil {
			return err
		}
		defer ns.Close()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace %s: %w", path, err)
		}
		return fn()
	})
}

// createNamespace makes a network namespace, mounts it at path, where there must be nothing, and runs fn inside it, with
// a descriptor of it. Nothing is left when it fails.
func createNamespace(path string, fn func(ns int) error) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return fmt.Errorf("make a mount point for a network namespace: %w", err)
	}
	file.Close()
	err = onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount a network namespace at %s: %w", path, err)
		}
		ns, err := os.Open(path)
		if err != nil {
			return err
		}
		defer ns.Close()
		return fn(int(ns.Fd()))
	})
	if err != nil {
		return errors.Join(err, dropNamespace(path))
	}
	return nil
}

// dropNamespace takes away the mount at path, if any. The kernel removes the namespace and the links in it on its own
// time once no process and no socket is left in it, which for many namespaces is much faster than deleting links.
func dropNamespace(path string) error {
	for {
		err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			break // not, or no longer, a mount
		}
		if err != nil {
			return fmt.Errorf("unmount network namespace %s: %w", path, err)
		}
	}
	// Removing the file also detaches the mounts that other mount namespaces have copied.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove mount point: %w", err)
	}
	return nil
}

// isNamespace reports whether a namespace is mounted at path.
func isNamespace(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Type == unix.NSFS_MAGIC
}
