package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// silence is how long a control plane may say nothing, and up to as much again, before the agent connects anew.
	silence = time.Minute
	// lifetime is how long a connection is used, and up to five minutes more; a fleet so spreads over its servers.
	lifetime = 30 * time.Minute
)

var (
	errSilent  = errors.New("nothing was heard from the control plane")
	errExpired = errors.New("ConnectionExpired: Reconnect to continue")
	errClosed  = errors.New("the control plane asked to close")
)

// link is an open socket with its timers.
type link struct {
	conn   conn
	ctx    context.Context
	cancel context.CancelCauseFunc
	quiet  *time.Timer

	reports *reports // what goes up on it of tasks; nil: nothing
}

// serve reads frames one after the other, each to its end before the next, until the connection or ctx ends, and says
// why it did. begin runs first; handle says whether it knew the frame, which is what counts as hearing from the other side.
func serve(ctx context.Context, c conn, begin func(*link), handle func(*link, []byte) bool) error {
	l := &link{conn: c}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	defer l.cancel(nil)
	patience := silence + rand.N(silence)
	l.quiet = time.AfterFunc(patience, func() { l.cancel(errSilent) })
	defer l.quiet.Stop()
	expiry := time.AfterFunc(lifetime+rand.N(5*time.Minute), func() { l.cancel(errExpired) })
	defer expiry.Stop()
	// Reading ends by closing: cut short by its context it would cut the connection before that could be done in order.
	reading, read := context.WithoutCancel(ctx), make(chan struct{})
	go func() {
		defer close(read)
		begin(l)
		for {
			data, err := c.Receive(reading)
			if err != nil {
				l.cancel(err)
				return
			}
			if handle(l, data) {
				l.quiet.Reset(patience)
			}
			if l.ctx.Err() != nil {
				return
			}
		}
	}()
	<-l.ctx.Done()
	why := context.Cause(l.ctx)
	c.Close(why.Error())
	<-read
	return why
}

// send sends one message. An error ends the connection.
func (l *link) send(m any) {
	data, err := encodeFrame(m)
	if err == nil {
		err = l.conn.Send(l.ctx, data)
	}
	if err != nil {
		l.cancel(err)
	}
}
