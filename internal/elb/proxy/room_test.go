package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/elb/room"
)

// TestWhereThereIsNoRoomWhatIsIdleMakesIt has room for two connections.
func TestWhereThereIsNoRoomWhatIsIdleMakesIt(t *testing.T) {
	w := newWorld(t, func(w *world) { w.room = &room.Room{Most: 2} })
	release := make(chan struct{})
	w.targets("web", serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			rw.(http.Flusher).Flush()
			<-release
		}
	}))
	ask := func(path string) (net.Conn, string) {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
		line, _ := bufio.NewReader(c).ReadString('\n')
		return c, strings.TrimSpace(line)
	}
	const served = "HTTP/1.1 200 OK"
	if _, line := ask("/slow"); line != served {
		t.Fatalf("the first is answered %q", line)
	}
	resting, line := ask("/")
	if line != served {
		t.Fatalf("the second is answered %q", line)
	}
	eventually(t, func() bool { _, line := ask("/slow"); return line == served }) // once the second is at rest
	if _, err := io.Copy(io.Discard, resting); err != nil {
		t.Errorf("what rested was not closed: %v", err)
	}
	if _, line := ask("/"); line != "" {
		t.Errorf("a connection beyond those at work is answered %q", line)
	}
	close(release)
	eventually(t, func() bool { _, line := ask("/"); return line == served })
}
