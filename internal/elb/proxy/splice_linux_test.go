package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// pair is both ends of a connection.
func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return near, far
}

// fill writes to a connection until it takes no more, and says how much that was.
func fill(t *testing.T, c net.Conn) (filled int) {
	t.Helper()
	_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for {
		n, err := c.Write(make([]byte, 64<<10))
		if filled += n; errors.Is(err, os.ErrDeadlineExceeded) {
			return filled
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestASlowReaderOfATunnelMissesNothing has a reader that takes nothing for longer than a tunnel waits for more to carry.
func TestASlowReaderOfATunnelMissesNothing(t *testing.T) {
	source, in := pair(t)
	out, reader := pair(t)
	var from, to end
	from.open(in)
	to.open(out)
	full := fill(t, out)
	sent := fill(t, source)
	source.Close()
	carried := make(chan error, 1)
	tunnel := &tunnel{idle: time.Minute}
	go func() {
		tunnel.carry(&to, &from)
		carried <- out.Close()
	}()
	<-time.After(2 * tick) // that is how slow it is
	got, err := io.Copy(io.Discard, reader)
	if err != nil || got != int64(full+sent) {
		t.Errorf("the reader got %d bytes of %d, %v", got, full+sent, err)
	}
	<-carried
}
