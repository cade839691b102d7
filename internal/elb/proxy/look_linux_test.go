package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// TestARequestThatATargetDidNotSee has a target close its end at all the moments at which it may.
func TestARequestThatATargetDidNotSee(t *testing.T) {
	request := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
	for _, c := range []struct {
		name    string
		target  func(far net.Conn, sent <-chan struct{})
		unheard bool
	}{
		{"closed before", func(far net.Conn, _ <-chan struct{}) { far.Close() }, true},
		{"read and closed", func(far net.Conn, sent <-chan struct{}) {
			<-sent
			_, _ = io.ReadFull(far, make([]byte, len(request)))
			far.Close()
		}, false},
		{"read half and closed", func(far net.Conn, sent <-chan struct{}) {
			<-sent
			_, _ = io.ReadFull(far, make([]byte, len(request)/2))
			far.Close()
		}, false},
		{"closed without reading", func(far net.Conn, sent <-chan struct{}) { <-sent; far.Close() }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			near, far := pair(t)
			var l link
			l.open(near)
			// One that was answered, as a connection is that has lain idle.
			exchangeOne := func(from, to net.Conn) {
				fmt.Fprint(from, request)
				if _, err := io.ReadFull(to, make([]byte, len(request))); err != nil {
					t.Fatal(err)
				}
			}
			exchangeOne(near, far)
			exchangeOne(far, near)
			sent := make(chan struct{})
			closed := make(chan struct{})
			go func() { defer close(closed); c.target(far, sent) }()
			if c.unheard {
				<-closed
			}
			if err := l.write([]byte(request), time.Minute); err != nil {
				t.Fatal(err)
			}
			close(sent)
			<-closed
			err := l.more(time.Minute, nil)
			if err == nil || errors.Is(err, errIdle) {
				t.Fatal(err)
			}
			if got := l.unheard(err, len(request)); got != c.unheard {
				t.Errorf("unheard is %v after %v, with %d bytes", got, err, l.look.unheard())
			}
		})
	}
}
