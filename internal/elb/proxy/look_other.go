//go:build unix && !linux

package proxy

import (
	"math"

	"golang.org/x/sys/unix"
)

// hungUp does not see beyond what is unread.
func hungUp(fd int) bool {
	var one [1]byte
	n, _, err := unix.Recvfrom(fd, one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == nil && n == 0 || err != nil && err != unix.EAGAIN && err != unix.EINTR
}

// unacknowledged is not known here.
func unacknowledged(int) int64 { return math.MinInt64 }
