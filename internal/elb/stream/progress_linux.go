package stream

import (
	"crypto/tls"
	"net"

	"golang.org/x/sys/unix"
)

// acknowledged is how many bytes the other side of a connection has taken, by the kernel's count.
func acknowledged(c net.Conn) (bytes uint64) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	socket, ok := c.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			bytes = info.Bytes_acked
		}
	})
	return bytes
}
