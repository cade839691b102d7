package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	dataBell = "data"
	roomBell = "room"
)

// bell is a FIFO that one process rings and another waits on. Both open it for reading and writing, so that it works
// whichever comes first, and a ring without a listener is kept. Unlike inotify it has no limit for each user.
type bell struct{ f *os.File }

func openBell(dir, name string) (bell, error) {
	path := filepath.Join(dir, name)
	if err := unix.Mkfifo(path, 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
		return bell{}, &fs.PathError{Op: "mkfifo", Path: path, Err: err}
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	return bell{f}, err
}

// ring wakes the other side, now or when it next waits.
func (b bell) ring() {
	raw, err := b.f.SyscallConn()
	if err != nil {
		return
	}
	// A full pipe means that the other side has been rung and not come yet.
	raw.Write(func(fd uintptr) bool { unix.Write(int(fd), []byte{0}); return true })
}

// wait returns after a ring; os.ErrClosed after close.
func (b bell) wait(ctx context.Context) error {
	var rings [4096]byte
	for ctx.Err() == nil {
		b.f.SetReadDeadline(time.Time{})
		stop := context.AfterFunc(ctx, func() { b.f.SetReadDeadline(time.Unix(1, 0)) })
		_, err := b.f.Read(rings[:])
		stop()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded): // ctx's, or that of an earlier wait which was cancelled as it ended
		default:
			return fmt.Errorf("wait for the spool: %w", err)
		}
	}
	return ctx.Err()
}

func (b bell) close() error { return b.f.Close() }
