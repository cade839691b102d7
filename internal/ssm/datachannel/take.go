package datachannel

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// take takes in one message of the other side.
func (s *Stream) take(ctx context.Context, socket Socket, data []byte) error {
	m, err := Decode(data)
	if err != nil {
		return err
	}
	switch m.Kind {
	case Acknowledge:
		var a acknowledgement
		if err := json.Unmarshal(m.Payload, &a); err != nil {
			return fmt.Errorf("an acknowledgement of the data channel: %w", err)
		}
		s.acknowledged(a.Sequence)
	case Closed:
		s.mu.Lock()
		s.output = closeOutput(m.Payload)
		s.mu.Unlock()
		return ErrClosed
	case Input, Output:
		if m.Kind != s.kind && s.accept(m) {
			return socket.Send(ctx, acknowledge(m, time.Now()))
		}
	}
	return nil // Start and Pause tell clients what they need not know
}

// Farewell is what the other side had to say when it closed the channel.
func (s *Stream) Farewell() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output
}

// overtaken is how many later messages are acknowledged before one that was sent again counts as having arrived: the
// plugin says nothing of a message that it has already, as it may after its socket broke.
const overtaken = 3

func (s *Stream) acknowledged(sequence int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.unacked = slices.DeleteFunc(s.unacked, func(o *outgoing) bool {
		if o.sequence < sequence && now.Sub(o.made) > 2*patience {
			o.passed++
		}
		return o.sequence == sequence || o.passed > overtaken
	})
	s.signal()
}

// accept takes a payload in and says whether to acknowledge it now: one that came before is acknowledged again, as its
// acknowledgement may have been lost, one that has to wait for long is once it need not, and one for which there is no room
// is not.
func (s *Stream) accept(m Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := len(m.Payload)
	p := Payload{m.PayloadType, m.Payload}
	_, known := s.early[m.Sequence]
	switch {
	case m.Sequence < s.expected || known:
		return !slices.ContainsFunc(s.owed, func(o Message) bool { return o.Sequence == m.Sequence })
	case m.Sequence > s.expected:
		if s.earlier+size > inbound || len(s.early) >= inbound/1024 {
			return false
		}
		s.early[m.Sequence] = p
		s.earlier += size
		return true
	case s.queued > inbound:
		return false
	}
	for ok := true; ok; {
		s.queue = append(s.queue, p)
		s.queued += len(p.Data)
		s.expected++
		if p, ok = s.early[s.expected]; ok {
			delete(s.early, s.expected)
			s.earlier -= len(p.Data)
		}
	}
	close(s.arrived)
	s.arrived = make(chan struct{})
	if s.queued <= enough || len(s.owed) >= window {
		return true
	}
	m.Payload = nil
	s.owed = append(s.owed, m)
	return false
}
