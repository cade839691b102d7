package client

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/ssm/datachannel"
)

// Read returns output as it comes. At the session's end it returns io.EOF, or why it ended before its command did.
func (s *Session) Read(p []byte) (int, error) {
	for {
		if n := copy(p, s.rest); n > 0 {
			s.rest = s.rest[n:]
			return n, nil
		}
		payload, err := s.stream.Receive(s.life)
		switch {
		case errors.Is(err, ErrEnded):
			return 0, io.EOF
		case err != nil:
			return 0, err
		}
		switch payload.Type {
		case datachannel.Data, datachannel.StdErr:
			s.rest = payload.Data
		case datachannel.ExitCode:
			if code, err := strconv.Atoi(string(payload.Data)); err == nil {
				s.code.Store(int64(code))
			}
		}
	}
}

// Write sends what is typed.
func (s *Session) Write(p []byte) (sent int, err error) {
	for sent < len(p) {
		n := min(len(p)-sent, datachannel.Chunk)
		if err := s.stream.Send(s.life, datachannel.Data, p[sent:sent+n]); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// Resize tells the size of the terminal, in characters.
func (s *Session) Resize(width, height int) error {
	body, err := json.Marshal(datachannel.WindowSize{Cols: uint32(width), Rows: uint32(height)})
	if err != nil {
		return err
	}
	return s.stream.Send(s.life, datachannel.Size, body)
}

// ExitCode is the exit code of the session's command once Read has returned io.EOF; false: it isn't known.
func (s *Session) ExitCode() (int, bool) {
	code := s.code.Load()
	return int(code), code >= 0
}

// Close ends the session, for the other side too if it has not ended yet.
func (s *Session) Close() error {
	if s.life.Err() == nil {
		ctx, cancel := context.WithTimeout(s.life, time.Second)
		defer cancel()
		if s.stream.Send(ctx, datachannel.Flag, datachannel.TerminateSession.Bytes()) == nil {
			_ = s.stream.Drain(ctx) // a server that no longer hears it ends the session when nobody comes back
		}
	}
	s.end(ErrEnded)
	<-s.served
	return nil
}
