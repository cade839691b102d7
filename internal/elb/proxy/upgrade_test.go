package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// TestTheLogOfATunnelTellsOfItsRequest sends bytes through a tunnel after the request, which must not show in the log.
func TestTheLogOfATunnelTellsOfItsRequest(t *testing.T) {
	w := newWorld(t, func(w *world) { w.balancer.AccessLog = &balancer.AccessLog{Balancer: "balancer"} })
	w.targets("web", raw(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(c, r)
	}))
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(c, "GET /chat?room=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: test/1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(c)
	if head, err := readHead(r); err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("answered %q, %v", head, err)
	}
	secret := bytes.Repeat([]byte("SECRET"), 100)
	_, _ = c.Write(secret)
	if _, err := io.ReadFull(r, make([]byte, len(secret))); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, r)
	var line string
	eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.lines) > 0 {
			line = w.lines[0]
		}
		return line != ""
	})
	if !strings.Contains(line, `/chat?room=1 HTTP/1.1" "test/1"`) || strings.Contains(line, "SECRET") {
		t.Errorf("the log says %s", line)
	}
}
