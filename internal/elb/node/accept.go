package node

import (
	"errors"
	"net"
	"time"
)

// acceptPause is how long nothing is accepted when no file is left to accept with.
const acceptPause = 10 * time.Millisecond

// acceptEach hands each connection to serve, on a goroutine of its own, until the listener is closed.
func acceptEach(l net.Listener, serve func(net.Conn)) {
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			go serve(conn)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			time.Sleep(acceptPause)
		}
	}
}
