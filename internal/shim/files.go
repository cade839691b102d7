package shim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// maxFiles bounds how many files come with one message.
const maxFiles = 3

// SendFiles passes copies of open files along with one byte, which carries them.
func SendFiles(conn *net.UnixConn, files ...*os.File) error {
	fds := make([]int, len(files))
	for i, f := range files {
		raw, err := f.SyscallConn() // Fd would make the file block
		if err != nil {
			return err
		}
		if err := raw.Control(func(fd uintptr) { fds[i] = int(fd) }); err != nil {
			return err
		}
	}
	_, _, err := conn.WriteMsgUnix([]byte{0}, unix.UnixRights(fds...), nil)
	runtime.KeepAlive(files)
	return err
}

// ReceiveFiles takes what one message carries: exactly so many files. They don't block and are closed on exec.
func ReceiveFiles(conn *net.UnixConn, want int) ([]*os.File, error) {
	oob := make([]byte, unix.CmsgSpace(4*maxFiles))
	_, n, _, _, err := conn.ReadMsgUnix(make([]byte, 1), oob)
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.SetNonblock(fd, true)
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	if len(files) != want {
		CloseFiles(files)
		return nil, fmt.Errorf("%d files came with the message, not %d", len(files), want)
	}
	return files, nil
}

// CloseFiles closes those that are open and not nil.
func CloseFiles(files []*os.File) error {
	var errs []error
	for _, f := range files {
		if f == nil {
			continue
		}
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// files receives what the shim sends after an answer.
func (c *Conn) files(ctx context.Context, want int) (files []*os.File, err error) {
	err = c.within(ctx, func() (err error) {
		files, err = ReceiveFiles(c.conn, want)
		return err
	})
	return files, err
}
