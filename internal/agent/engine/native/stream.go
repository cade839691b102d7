package native

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// stream is what a process prints. It ends when nobody can write to it any more, or when the process has ended and all
// that it had written is read: what it left running may hold the other side open for ever.
type stream struct {
	file  *os.File // nil: there is nothing to read
	ended <-chan struct{}
}

func (s *stream) Read(p []byte) (int, error) {
	if s.file == nil {
		<-s.ended
		return 0, io.EOF
	}
	n, err := s.file.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		n, err = s.rest(p)
	}
	if errors.Is(err, unix.EIO) { // a terminal whose other side is closed
		err = io.EOF
	}
	return n, err
}

// rest reads what is there.
func (s *stream) rest(p []byte) (n int, err error) {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		for n, err = unix.Read(int(fd), p); err == unix.EINTR; n, err = unix.Read(int(fd), p) {
		}
	})
	switch {
	case controlErr != nil:
		return 0, controlErr
	case err == unix.EAGAIN, err == nil && n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return max(n, 0), err
}

// keyboard writes to a terminal.
type keyboard struct{ terminal *os.File }

func (k keyboard) Write(p []byte) (int, error) { return k.terminal.Write(p) }

// Close types the end of the file.
func (k keyboard) Close() error {
	_, err := k.terminal.Write([]byte{4})
	return err
}
