package shim

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
)

func TestAnExecutionIsItsConnections(t *testing.T) {
	h := newScripted()
	path, _ := serve(t, h)
	c := dial(t, path)
	for range 50 { // one after the other on a connection
		x, err := c.Exec(t.Context(), &Exec{Name: "web", Args: []string{"hello"}, Stdin: true})
		must(t, err)
		must(t, x.Stdin.Close())
		if code, err := x.Exit(); code != 7 || err != nil {
			t.Errorf("it ended with %d, %v", code, err)
		}
		if text, err := io.ReadAll(x.Stderr); string(text) != "hello" || err != nil {
			t.Errorf("%q, %v came", text, err)
		}
		must(t, x.Close())
	}
	x, err := c.Exec(t.Context(), &Exec{Name: "web", Args: []string{"hello"}, Stdin: true})
	must(t, err)
	defer x.Close()
	must(t, c.Close())
	<-(<-h.stopping).Done()
	h.refuse = Errorf(Failed, "not here")
	if _, err := dial(t, path).Exec(t.Context(), &Exec{Name: "web"}); err == nil || err.Error() != "not here" {
		t.Errorf("the refusal is %v", err)
	}
}

// A shim of the first version takes no notice of what it doesn't know, so it isn't asked.
func TestAnOldShimIsNotAskedForMore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	l, err := net.Listen("unix", path)
	must(t, err)
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var hello Hello
		ReadFrame(conn, &hello)
		WriteFrame(conn, Welcome{Version: 1})
		io.Copy(io.Discard, conn)
	}()
	c := dial(t, path)
	_, execErr := c.Exec(t.Context(), &Exec{Name: "web"})
	for what, err := range map[string]error{
		"Exec": execErr, "Restart": c.Restart(t.Context(), "web", 2), "Create": c.Create(t.Context(), &Container{Restarts: true}),
	} {
		if refusal, ok := errors.AsType[*Error](err); !ok || refusal.Code != Invalid {
			t.Errorf("%s returned %v", what, err)
		}
	}
}
