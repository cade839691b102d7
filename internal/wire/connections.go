package wire

import (
	"container/list"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Bound returns l with a bound on its connections, for web to serve. One that comes when most are open takes the place of
// the one that has been idle for longest; when none is idle it is closed at once, which is told once a minute.
func Bound(l net.Listener, web *http.Server, most int, log *slog.Logger) net.Listener {
	b := &bounded{Listener: l, most: most, log: log}
	web.ConnState = b.changed
	return b
}

// MostConnections is how many connections this process may have open and still be able to open files: three quarters of
// its limit of descriptors.
func MostConnections() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 768 // of 1024, the least that is usual
	}
	return int(min(limit.Cur, 1<<24) / 4 * 3)
}

// bounded is a listener that counts what is open.
type bounded struct {
	net.Listener
	most int
	log  *slog.Logger

	mu   sync.Mutex
	open int
	idle list.List // of *counted, the one idle for longest first
	told time.Time
}

// counted is a connection of a bounded listener.
type counted struct {
	net.Conn
	of     *bounded
	waits  *list.Element // in idle, nil: it is at work or taken over
	closed bool
}

// Accept waits for the next connection that there is room for.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &counted{Conn: conn, of: b}
		b.mu.Lock()
		b.open++
		var longest *counted
		if e := b.idle.Front(); b.open > b.most && e != nil {
			longest = e.Value.(*counted)
			b.work(longest)
		}
		full := b.open > b.most && longest == nil
		tell := full && time.Since(b.told) > time.Minute
		if tell {
			b.told = time.Now()
		}
		b.mu.Unlock()
		if tell {
			b.log.Error("connections are refused: too many are open; raise the limit of open files (ulimit -n, systemd's LimitNOFILE=)", "open", b.most)
		}
		if longest != nil {
			longest.Close()
		}
		if !full {
			return c, nil
		}
		c.Close()
	}
}

// changed is web's ConnState.
func (b *bounded) changed(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*counted)
	if !ok {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.work(c)
	if state == http.StateIdle && !c.closed {
		c.waits = b.idle.PushBack(c)
	}
}

// work takes a connection out of those that are idle. The caller holds mu.
func (b *bounded) work(c *counted) {
	if c.waits != nil {
		b.idle.Remove(c.waits)
		c.waits = nil
	}
}

// Close closes the connection and makes room for another.
func (c *counted) Close() error {
	c.of.mu.Lock()
	c.of.work(c)
	if !c.closed {
		c.closed = true
		c.of.open--
	}
	c.of.mu.Unlock()
	return c.Conn.Close()
}
