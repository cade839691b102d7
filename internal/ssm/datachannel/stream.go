package datachannel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Socket is one connection of a channel: a websocket. One goroutine receives, any send.
type Socket interface {
	Receive(ctx context.Context) ([]byte, error)
	Send(ctx context.Context, message []byte) error
}

// Bounds of a stream.
const (
	// Chunk is the most data that one message carries.
	Chunk = 32 << 10
	// window is how many messages may be on their way without an acknowledgement.
	window = 32
	// enough is how many bytes wait to be taken before acknowledgements wait too: the other side's window then holds it back.
	enough = 512 << 10
	// inbound is how many bytes wait to be taken of one that has a larger window, and as many again that came out of order.
	// What is beyond is left out, and so comes again.
	inbound = 2 << 20
	// patience is how long an acknowledgement may take before the message is sent again, and twice as long each time after
	// that, up to longest.
	patience = 500 * time.Millisecond
	longest  = 8 * time.Second
	// giveUp is how long one may be missing: what the plugin waits for its own.
	giveUp = 5 * time.Minute
)

// ErrClosed is returned by Serve when the other side has ended the channel.
var ErrClosed = errors.New("the session was closed")

var errUnanswered = errors.New("the other side of the session no longer acknowledges what it is sent")

// Payload is what one message carries.
type Payload struct {
	Type PayloadType
	Data []byte
}

// Stream exchanges payloads with the other side, in order and each once, over one socket after another. Send, Receive and
// Serve may be called at the same time, Serve once at a time.
type Stream struct {
	kind Kind // of what it sends

	mu       sync.Mutex
	next     int64
	unacked  []*outgoing
	changed  chan struct{} // closed and replaced when unacked changes
	expected int64
	early    map[int64]Payload // came out of order
	earlier  int               // bytes in early
	queue    []Payload
	queued   int           // bytes in queue
	owed     []Message     // taken in and not acknowledged, as too much was waiting; without their payloads
	answers  [][]byte      // acknowledgements of those, to be sent
	arrived  chan struct{} // closed and replaced when queue grows
	output   string        // with which the other side closed
}

// outgoing is a message that the other side has not acknowledged.
type outgoing struct {
	sequence int64
	text     []byte
	made     time.Time
	sent     time.Time     // last, on the present socket; zero: not yet
	since    time.Time     // when it was there to be sent on the present socket
	waits    time.Duration // before it is sent again
	passed   int           // how often a later one was acknowledged since it was sent
}

// NewStream returns a stream that sends messages of a kind, Input or Output.
func NewStream(kind Kind) *Stream {
	return &Stream{kind: kind, changed: make(chan struct{}), arrived: make(chan struct{}), early: map[int64]Payload{}}
}

// Send puts a payload on its way once there is room in the window. It does not wait for it to arrive; see Drain.
func (s *Stream) Send(ctx context.Context, t PayloadType, data []byte) error {
	return s.wait(ctx, func() bool {
		if len(s.unacked) >= window {
			return false
		}
		now := time.Now()
		m := Message{Kind: s.kind, Sequence: s.next, ID: uuid.New(), Created: now, PayloadType: t, Payload: data}
		if s.next == 0 {
			m.Flags = 1
		}
		s.next++
		s.unacked = append(s.unacked, &outgoing{sequence: m.Sequence, text: m.Encode(), made: now, since: now, waits: patience})
		s.signal()
		return true
	})
}

// Drain waits until all that was sent is acknowledged.
func (s *Stream) Drain(ctx context.Context) error {
	return s.wait(ctx, func() bool { return len(s.unacked) == 0 })
}

// wait waits until met, which is called with mu held, is true.
func (s *Stream) wait(ctx context.Context, met func() bool) error {
	for {
		s.mu.Lock()
		done, changed := met(), s.changed
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// signal is called with mu held when unacked has changed.
func (s *Stream) signal() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Receive waits for the next payload.
func (s *Stream) Receive(ctx context.Context) (Payload, error) {
	for {
		s.mu.Lock()
		if len(s.queue) > 0 {
			p := s.queue[0]
			s.queue = s.queue[1:]
			s.queued -= len(p.Data)
			if s.queued <= enough && len(s.owed) > 0 {
				s.settle()
			}
			s.mu.Unlock()
			return p, nil
		}
		arrived := s.arrived
		s.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			return Payload{}, context.Cause(ctx)
		}
	}
}

// settle has acknowledged what is owed, with mu held.
func (s *Stream) settle() {
	for _, m := range s.owed {
		s.answers = append(s.answers, acknowledge(m, time.Now()))
	}
	s.owed = s.owed[:0]
	s.signal()
}

// Serve carries the stream over a socket until that breaks or ctx ends, and says why: ErrClosed when the other side has
// ended the channel. What was not acknowledged on an earlier socket goes first.
func (s *Stream) Serve(ctx context.Context, socket Socket) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.mu.Lock()
	for _, o := range s.unacked {
		o.sent, o.since, o.waits = time.Time{}, time.Now(), patience
	}
	s.mu.Unlock()
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		cancel(s.sendAll(ctx, socket))
	}()
	for ctx.Err() == nil {
		data, err := socket.Receive(ctx)
		if err == nil {
			err = s.take(ctx, socket, data)
		}
		if err != nil {
			cancel(err)
		}
	}
	<-sending
	return context.Cause(ctx)
}

// sendAll sends what is new, and again what is not acknowledged.
func (s *Stream) sendAll(ctx context.Context, socket Socket) error {
	tick := time.NewTicker(patience / 5)
	defer tick.Stop()
	for {
		s.mu.Lock()
		due, err := s.due(time.Now())
		changed := s.changed
		s.mu.Unlock()
		if err != nil {
			return err
		}
		for _, text := range due {
			if err := socket.Send(ctx, text); err != nil {
				return fmt.Errorf("send on the data channel: %w", err)
			}
		}
		if len(due) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// due returns what is to be sent now, with mu held.
func (s *Stream) due(now time.Time) (texts [][]byte, err error) {
	texts, s.answers = s.answers, nil
	for _, o := range s.unacked {
		if now.Sub(o.since) > giveUp {
			return nil, errUnanswered
		}
		if again := !o.sent.IsZero(); !again || now.Sub(o.sent) > o.waits {
			if o.sent = now; again {
				o.waits = min(2*o.waits, longest)
			}
			texts = append(texts, o.text)
		}
	}
	return texts, nil
}
