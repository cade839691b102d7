package etcd

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ahead is how many bytes of the disk the database has beyond what it uses, at least until the next upkeep.
const ahead = 16 << 20

// reserve takes the blocks of the whole database file, and some beyond it, from the disk before they are needed. etcd makes the file
// longer in steps and writes into it later, and when a write fails the process ends; its log takes its files from the disk at their
// whole size by itself. So what was admitted can be written, whoever fills the disk meanwhile.
func (b *backend) reserve() error {
	file, err := os.OpenFile(filepath.Join(b.config.Dir, "member", "snap", "db"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, info.Size()+ahead)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSPC) {
		return nil // it can't be had here, or not now: the next upkeep asks again
	}
	return err
}
