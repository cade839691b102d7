package stream

import (
	"net"
	"sync"
	"syscall"
)

var packetBuffers = sync.Pool{New: func() any { return new([maxPacket]byte) }}

// receive waits for a packet and hands it to take. A socket that waits holds no buffer: there may be many flows at rest.
func receive(conn net.Conn, take func(packet []byte)) error {
	socket, ok := conn.(*net.UDPConn)
	if !ok {
		return receiveBuffered(conn, take)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		buffer := packetBuffers.Get().(*[maxPacket]byte)
		defer packetBuffers.Put(buffer)
		size, err := syscall.Read(int(fd), buffer[:])
		for err == syscall.EINTR {
			size, err = syscall.Read(int(fd), buffer[:])
		}
		if err == syscall.EAGAIN {
			return false
		}
		if failed = err; err == nil {
			take(buffer[:size])
		}
		return true
	})
	if err != nil {
		return err
	}
	return failed
}

func receiveBuffered(conn net.Conn, take func(packet []byte)) error {
	buffer := packetBuffers.Get().(*[maxPacket]byte)
	defer packetBuffers.Put(buffer)
	size, err := conn.Read(buffer[:])
	if err == nil {
		take(buffer[:size])
	}
	return err
}
