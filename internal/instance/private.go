package instance

import (
	"fmt"
	"os"
	"syscall"
)

// private sees to it that nobody else gets at what lies in the directory: keys, and programs that run as this process's
// user. An empty one that root was given becomes root's.
func private(dir string, vacant bool) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	switch self := os.Geteuid(); {
	case owner == uint32(self):
	case vacant && self == 0:
		if err := os.Chown(dir, 0, -1); err != nil {
			return fmt.Errorf("take the data directory over: %w", err)
		}
	default:
		return fmt.Errorf("%w: %s is user %d's, and Berth runs as user %d", ErrOwner, dir, owner, self)
	}
	// Logs, images and what tasks wrote are nobody else's on this machine; a directory that was there may be open to all.
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("close the data directory to others: %w", err)
	}
	return nil
}
