package instance

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// claimID takes the id for this process on this machine. A copied data directory has the id of its original: each has a lock of its own,
// and the two would fight over the same namespaces and cgroups. The claim is a socket's abstract name, which ends with the process and leaves no file.
func claimID(id string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("claim the instance's id: %w", err)
	}
	claim := os.NewFile(uintptr(fd), "claim of "+id)
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: "@berth/" + id})
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, errors.Join(ErrCopy, claim.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("claim the instance's id: %w", err), claim.Close())
	}
	return claim, nil
}
