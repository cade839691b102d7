package dispatch

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/coder/websocket"
)

const (
	// heartbeat is how often an agent hears of its server; it gives up after one to two minutes without.
	heartbeat = 30 * time.Second
	// silence is how long an agent may say nothing before its session ends. It acknowledges heartbeats, and sends
	// telemetry every 20 seconds.
	silence = 3*heartbeat + 10*time.Second
)

// jittered spreads what many sessions do at the same intervals.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5)
}

// link is a connection while a session owns it: what comes in, what keeps it alive, and how it ends.
type link struct {
	conn   conn
	ctx    context.Context // ends with the session
	cancel context.CancelCauseFunc
	frames chan []byte

	heard time.Time // the last frame
	beat  time.Time // when the next heartbeat is due
}

func newLink(ctx context.Context, c conn) *link {
	l := &link{conn: c, frames: make(chan []byte), heard: time.Now(), beat: time.Now().Add(jittered(heartbeat))}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	return l
}

func (l *link) end(why error) { l.cancel(why) }

// serve reads frames while loop runs, closes the connection when it is over and says why it is.
func (l *link) serve(loop func()) error {
	// Reading ends by closing: cut short by its context it would cut the connection, before it could be closed with a reason.
	reading, read := context.WithoutCancel(l.ctx), make(chan struct{})
	go func() {
		defer close(read)
		for {
			data, err := l.conn.Receive(reading)
			if err != nil {
				l.cancel(err)
				return
			}
			select {
			case l.frames <- data:
			case <-l.ctx.Done():
				return
			}
		}
	}()
	loop()
	why := context.Cause(l.ctx)
	l.conn.Close(closeCode(why), why.Error())
	<-read
	return why
}

// closeCode chooses whether an agent comes back at once, as it does after 1000, 1001, 1006 and 1011, or waits a little.
func closeCode(why error) websocket.StatusCode {
	switch {
	case errors.Is(why, errShutdown):
		return websocket.StatusServiceRestart
	case errors.Is(why, errReplaced), errors.Is(why, errInactive), errors.Is(why, errSilent):
		return websocket.StatusPolicyViolation
	}
	return websocket.StatusNormalClosure
}

// send encodes and sends one message. An error ends the session.
func (l *link) send(m any) {
	data, err := encodeFrame(m)
	if err == nil {
		err = l.conn.Send(l.ctx, data)
	}
	if err != nil {
		l.cancel(err)
	}
}

// keepAlive sends the heartbeat that is due and ends a session whose agent is silent.
func (l *link) keepAlive(now time.Time, message any) {
	if now.Sub(l.heard) >= silence {
		l.cancel(errSilent)
	} else if !now.Before(l.beat) {
		l.beat = now.Add(jittered(heartbeat))
		l.send(message)
	}
}

// due is when keepAlive has something to do.
func (l *link) due() time.Time { return earliest(l.beat, l.heard.Add(silence)) }

// earliest returns the first of two times; a zero time is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
