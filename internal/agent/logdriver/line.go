package logdriver

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Line is a connection to a backend, which is made when there is something to write and made again after it broke.
type Line struct {
	Address
	// Renew is how long a connection is used; 0: until it breaks. Timeout bounds a write; 0: the context alone does.
	Renew, Timeout time.Duration

	conn  net.Conn
	since time.Time
}

// Write writes all of b, on a connection that the backend has not closed. After an error none, some or all of it has arrived.
func (l *Line) Write(ctx context.Context, b []byte) error {
	if err := l.connect(ctx); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { l.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := l.conn.SetDeadline(time.Time{}); err != nil {
		return errors.Join(err, l.Close())
	}
	if l.Timeout > 0 {
		l.conn.SetDeadline(time.Now().Add(l.Timeout))
	}
	if ctx.Err() != nil { // before the deadline was cleared
		return context.Cause(ctx)
	}
	_, err := l.conn.Write(b)
	if l.Network == "udp" && errors.Is(err, unix.ECONNREFUSED) { // so one before it was answered; this one was not sent
		_, err = l.conn.Write(b)
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return nil
}

// Read reads what the backend answers. A connection on which it does not is closed.
func (l *Line) Read(ctx context.Context, read func(io.Reader) error) error {
	stop := context.AfterFunc(ctx, func() { l.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := read(l.conn); err != nil {
		return errors.Join(err, l.Close())
	}
	return nil
}

func (l *Line) connect(ctx context.Context) (err error) {
	if l.conn != nil && (l.Renew > 0 && time.Since(l.since) >= l.Renew || hungUp(l.conn)) {
		l.Close()
	}
	if l.conn == nil {
		l.conn, err = l.Dial(ctx)
		l.since = time.Now()
	}
	return err
}

// Close closes the connection, if there is one.
func (l *Line) Close() error {
	if l.conn == nil {
		return nil
	}
	err := l.conn.Close()
	l.conn = nil
	return err
}

// hungUp says that the other side of a stream has closed it: the kernel would still take what is written, and it would be lost.
func hungUp(conn net.Conn) bool {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if network := conn.LocalAddr().Network(); network != "tcp" && network != "unix" {
		return false
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	over := false
	err = raw.Control(func(fd uintptr) {
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		over = n == 0 && err == nil || err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return over || err != nil
}
