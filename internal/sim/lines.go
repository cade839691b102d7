package sim

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// lines are the connections of one agent, its own as those of a real agent are, so that they can be cut.
type lines struct {
	transport *http.Transport

	mu   sync.Mutex
	open map[*line]struct{}
}

func newLines() *lines {
	l := &lines{open: map[*line]struct{}{}}
	l.transport = &http.Transport{DialContext: l.dial, MaxIdleConnsPerHost: submitting, IdleConnTimeout: 90 * time.Second, DisableCompression: true}
	return l
}

// line is one connection.
type line struct {
	net.Conn
	of *lines
}

func (l *lines) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	made := &line{c, l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[made] = struct{}{}
	return made, nil
}

// Close closes the connection.
func (c *line) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// cut breaks all connections that are open, without a word to the other side.
func (l *lines) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.Conn.Close()
	}
	clear(l.open)
}
