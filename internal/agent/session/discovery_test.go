package session

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheEndpointsAreAskedForRarely(t *testing.T) {
	file := path(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPlane()
		run(t, p, file)
		asked := func() int { return len(p.called("DiscoverPollEndpoint")) }
		next := func() *pipe {
			c := <-p.conns
			synctest.Wait()
			return c
		}
		c := next()
		if n := asked(); n != 1 {
			t.Fatalf("asked %d times for two sockets", n)
		}
		c.Close("")
		next().Close("")
		c = next()
		if n := asked(); n != 1 {
			t.Errorf("asked %d times while they work", n)
		}
		p.mu.Lock()
		p.refuse = errors.New("nobody listens")
		p.mu.Unlock()
		c.Close("")
		c = next() // after one that failed
		if n := asked(); n != 1 {
			t.Errorf("asked %d times after a short failure", n)
		}
		time.Sleep(2 * misdirected)
		c.Close("")
		c = next()
		if n := asked(); n != 1 {
			t.Errorf("asked %d times after a failure that is over", n)
		}
		p.mu.Lock()
		p.gone = true
		p.mu.Unlock()
		c.Close("")
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := asked(); n < 2 {
			t.Errorf("asked %d times while nothing works", n)
		}
	})
}
