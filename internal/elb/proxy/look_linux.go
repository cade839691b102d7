package proxy

import (
	"math"

	"golang.org/x/sys/unix"
)

func hungUp(fd int) bool {
	poll := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(poll[:], 0)
	return err == nil && n > 0 && poll[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}

// unacknowledged is how many of the bytes that were written last the peer's kernel has not acknowledged; less than any when
// that is not known.
func unacknowledged(fd int) int64 {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil || info.Bytes_acked == 0 {
		return math.MinInt64
	}
	return int64(info.Bytes_sent-info.Bytes_retrans) - int64(info.Bytes_acked-1) // the connection's beginning counts as one
}
