package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestAnEventArrivesWhenItIsSent has a target that sends each piece of its answer only when the client has seen the one before.
func TestAnEventArrivesWhenItIsSent(t *testing.T) {
	for name, first := range map[string]string{
		"a chunk with its end":       "7\r\nevent 0\r\n",
		"a chunk without its end":    "7\r\nevent 0",
		"with half of the next size": "7\r\nevent 0\r\n0",
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan struct{})
			w := newWorld(t, nil)
			w.targets("web", raw(t, func(c net.Conn, r *bufio.Reader) {
				_, _ = readHead(r)
				fmt.Fprint(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+first)
				<-seen
				fmt.Fprint(c, strings.TrimPrefix("7\r\nevent 0\r\n07\r\nevent 1\r\n0\r\n\r\n", first))
			}))
			c, err := net.Dial("tcp", w.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			var got strings.Builder
			r := bufio.NewReader(io.TeeReader(c, &got))
			for err == nil && !strings.Contains(got.String(), "event 0") {
				_, err = r.ReadString('\n')
			}
			close(seen)
			if err != nil {
				t.Fatalf("%v after %q", err, got.String())
			}
			if _, err := io.ReadAll(r); err != nil || !strings.Contains(got.String(), "event 1") {
				t.Errorf("%v after %q", err, got.String())
			}
		})
	}
}

// TestAPieceOfARequestArrivesWhenItIsSent has a client that sends each piece of its body only when the target has the one before.
func TestAPieceOfARequestArrivesWhenItIsSent(t *testing.T) {
	seen := make(chan struct{})
	w := newWorld(t, nil)
	w.targets("web", raw(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		if _, err := io.ReadFull(r, make([]byte, len("4\r\nping\r\n"))); err != nil {
			return
		}
		close(seen)
		if rest, _ := readHead(r); rest == "2\r\nok\r\n0\r\n\r\n" {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}))
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n0")
	select {
	case <-seen:
	case <-time.After(5 * time.Second):
		t.Fatal("the target has not got the first piece")
	}
	fmt.Fprint(c, "2\r\nok\r\n0\r\n\r\n")
	if line, _ := first(c); line != "HTTP/1.1 200 OK" {
		t.Errorf("answered %q", line)
	}
}
