package datachannel

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// wire is a socket within memory.
type wire struct {
	in   <-chan []byte
	out  chan<- []byte
	sent int // messages of a stream
}

func (w *wire) Receive(ctx context.Context) ([]byte, error) {
	select {
	case b := <-w.in:
		return b, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (w *wire) Send(ctx context.Context, b []byte) error {
	if m, err := Decode(b); err == nil && m.Kind == Output {
		w.sent++
	}
	select {
	case w.out <- b:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// joined are two streams, and what carries between them until it is called; it returns what the first one's Serve did.
func joined(ctx context.Context, from, to *Stream) (socket *wire, broken <-chan error) {
	there, back := make(chan []byte, 8), make(chan []byte, 8)
	socket = &wire{in: back, out: there}
	over := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	go func() { defer cancel(); over <- from.Serve(ctx, socket) }()
	go to.Serve(ctx, &wire{in: there, out: back})
	return socket, over
}

func TestASlowReaderHoldsTheSenderBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const count = 8 << 20 / Chunk
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		from, to := NewStream(Output), NewStream(Input)
		socket, _ := joined(ctx, from, to)
		go func() {
			for range count {
				_ = from.Send(ctx, Data, make([]byte, Chunk))
			}
		}()
		began := time.Now()
		for range count {
			if _, err := to.Receive(ctx); err != nil {
				t.Fatal(err)
			}
			time.Sleep(4 * time.Millisecond) // slower than all that carries
		}
		if took := time.Since(began); took != count*4*time.Millisecond {
			t.Errorf("it waits for output: %s in all", took)
		}
		if socket.sent > count+count/4 {
			t.Errorf("%d messages were sent for %d", socket.sent, count)
		}
	})
}

func TestAReaderThatCameBackLateGetsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		from, to := NewStream(Output), NewStream(Input)
		_, broken := joined(ctx, from, to)
		const count = 3 * window
		go func() {
			for range count {
				_ = from.Send(ctx, Data, make([]byte, Chunk))
			}
		}()
		if err := <-broken; !errors.Is(err, errUnanswered) { // since nobody reads
			t.Fatal(err)
		}
		joined(ctx, from, to)
		for range count {
			if _, err := to.Receive(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := from.Drain(ctx); err != nil {
			t.Error(err)
		}
	})
}
