package carrier

import (
	"io"
	"net"
)

// splice carries bytes both ways until both have ended, each end's end of file to the other.
func splice(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		carry(a, b)
	}()
	carry(b, a)
	<-done
	a.Close()
	b.Close()
}

// carry copies from one to the other and then ends what the other reads.
func carry(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil { // the connection is broken: neither direction goes on
		to.Close()
		from.Close()
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
		return
	}
	to.Close() // a stream's Close ends what the other end reads, and goes on reading
}
