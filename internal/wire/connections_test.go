package wire_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/wire"
)

// boundServer serves with at most two connections and returns how to open one: a function that asks on it.
func boundServer(t *testing.T, log *slog.Logger) (open func() (ask func() error, conn net.Conn)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/taken" {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	})}
	go web.Serve(wire.Bound(l, web, 2, log))
	t.Cleanup(func() { web.Close() })
	return func() (func() error, net.Conn) {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		answers := bufio.NewReader(conn)
		return func() error {
			if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: berth\r\n\r\n")); err != nil {
				return err
			}
			resp, err := http.ReadResponse(answers, nil)
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
			}
			return err
		}, conn
	}
}

// lines is a log.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

func TestTheConnectionIdleForLongestMakesRoom(t *testing.T) {
	open := boundServer(t, quiet)
	first, _ := open()
	second, _ := open()
	for _, ask := range []func() error{first, second, first} {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	third, _ := open()
	if err := third(); err != nil {
		t.Fatal(err)
	}
	if err := second(); err == nil {
		t.Error("three connections are open")
	}
	if err := first(); err != nil {
		t.Errorf("the one used last was closed: %v", err)
	}
}

func TestConnectionsThatAreTakenOverCountUntilTheyEnd(t *testing.T) {
	told := make(lines, 10)
	open := boundServer(t, slog.New(slog.NewTextHandler(told, nil)))
	var taken [2]net.Conn
	for i := range taken {
		_, taken[i] = open()
		if _, err := taken[i].Write([]byte("GET /taken HTTP/1.1\r\nHost: berth\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(taken[i]).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if ask, _ := open(); ask() == nil {
			t.Error("a third connection is served")
		}
	}
	if len(told) != 1 || !strings.Contains(<-told, "LimitNOFILE") {
		t.Errorf("it is to be told once, how to mend it: %d more", len(told))
	}
	taken[0].Close()
	for { // until the server has seen it
		if ask, _ := open(); ask() == nil {
			break
		}
	}
	if wire.MostConnections() < 100 {
		t.Errorf("%d connections may be open", wire.MostConnections())
	}
}
