package node

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// peekLimit bounds what is looked at: a head that has no host name in so much has none.
	peekLimit = 16 << 10
	// peekTime is how long a client may take for it, as for the head of a request.
	peekTime = 60 * time.Second
)

var peekBuffers = sync.Pool{New: func() any { return new([peekLimit]byte) }}

// errNoHost says that a connection does not say whom it is for.
var errNoHost = errors.New("it begins with no host name")

// hostOf is the host name that a client asks for, in lower case and without a port. Nothing is read off the connection. A
// request or handshake without one has the empty name.
func hostOf(conn net.Conn, encrypted bool) (host string, err error) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return "", errNoHost
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return "", err
	}
	if err := conn.SetReadDeadline(time.Now().Add(peekTime)); err != nil {
		return "", err
	}
	buf := peekBuffers.Get().(*[peekLimit]byte)
	defer peekBuffers.Put(buf)
	look := hostOfRequest
	if encrypted {
		look = hostOfHandshake
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, err := peekAt(int(fd), buf[:])
		if errors.Is(err, unix.EAGAIN) {
			return false
		}
		if failed = err; err != nil {
			return true
		}
		var done bool
		host, done = look(buf[:n])
		return done || n == len(buf)
	})
	if err = errors.Join(err, failed); err != nil {
		return "", err
	}
	return strings.ToLower(withoutPort(host)), conn.SetReadDeadline(time.Time{})
}

// peekAt reads what a socket has, and leaves it there.
func peekAt(fd int, buf []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, buf, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil && n == 0:
			return 0, io.EOF
		}
		return n, err
	}
}

// hostOfRequest finds the host name in the beginning of a request. Not done: it may be in what is still to come.
func hostOfRequest(head []byte) (host string, done bool) {
	for first := true; ; first = false {
		line, rest, ok := bytes.Cut(head, []byte("\n"))
		if !ok {
			return "", false
		}
		line, head = bytes.TrimSuffix(line, []byte("\r")), rest
		if name, value, ok := bytes.Cut(line, []byte(":")); !first && ok && textproto.TrimString(strings.ToLower(string(name))) == "host" {
			return textproto.TrimString(string(value)), true
		}
		if !first && len(line) == 0 {
			return "", true
		}
	}
}

// errPeeked ends a handshake whose first message was looked at.
var errPeeked = errors.New("peeked")

// hostOfHandshake finds the server name in the first message of a TLS handshake.
func hostOfHandshake(head []byte) (host string, done bool) {
	peeked := tls.Server(&peekedConn{r: bytes.NewReader(head)}, &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			host = hello.ServerName
			return nil, errPeeked
		},
	})
	err := peeked.Handshake()
	return host, !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// peekedConn reads what was peeked at, and answers nothing.
type peekedConn struct {
	net.Conn // nil: a handshake calls no other method
	r        io.Reader
}

func (c *peekedConn) Read(p []byte) (int, error)       { return c.r.Read(p) }
func (c *peekedConn) Write(p []byte) (int, error)      { return len(p), nil }
func (c *peekedConn) SetWriteDeadline(time.Time) error { return nil }
func (c *peekedConn) SetDeadline(time.Time) error      { return nil }
func (c *peekedConn) Close() error                     { return nil }

// withoutPort is a host name or address as it stands in a Host header without its port, brackets and final dot.
func withoutPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.Trim(host, "[]"), ".")
}
