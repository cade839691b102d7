package carrier

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A frame is one byte of kind and, but for filler, two of length and a payload.
const (
	filler = 0 // one byte, of no meaning
	data   = 1
	hello  = 2 // begins a session; the payload is a nonce, which the Outlet sends back

	maxFrame  = 32 << 10
	nonceSize = 16
)

func frame(kind byte, payload []byte) []byte {
	f := make([]byte, 3, 3+len(payload))
	f[0] = kind
	binary.BigEndian.PutUint16(f[1:], uint16(len(payload)))
	return append(f, payload...)
}

// greet takes over the stream: after so much filler the other end is at the start of a frame, wherever an earlier agent
// ended; and nothing that it said to that one has the nonce in it. What r gives from then on is this session's.
func greet(w io.Writer, r *bufio.Reader) error {
	var nonce [nonceSize]byte
	rand.Read(nonce[:])
	answer := frame(hello, nonce[:])
	if _, err := w.Write(append(make([]byte, maxFrame+3), answer...)); err != nil {
		return err
	}
	for seen := make([]byte, 0, len(answer)); ; {
		b, err := r.ReadByte()
		if err != nil {
			return err
		}
		if len(seen) == len(answer) {
			seen = seen[:copy(seen, seen[1:])]
		}
		if seen = append(seen, b); bytes.Equal(seen, answer) {
			return nil
		}
	}
}

// readFrame returns the next frame that is not filler. The payload is valid until the next call.
func readFrame(r *bufio.Reader, buf *[]byte) (kind byte, payload []byte, err error) {
	for kind == filler {
		if kind, err = r.ReadByte(); err != nil {
			return 0, nil, err
		}
	}
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n > maxFrame || kind > hello || kind == hello && n != nonceSize {
		return 0, nil, fmt.Errorf("%w: kind %d, %d bytes", errFrame, kind, n)
	}
	if cap(*buf) < n {
		*buf = make([]byte, maxFrame)
	}
	_, err = io.ReadFull(r, (*buf)[:n])
	return kind, (*buf)[:n], err
}

var errFrame = errors.New("no frame of the carrier")

// framed is one session's part of the stream, as yamux wants it.
type framed struct {
	write func(frame []byte) error
	close func() error
	r     *io.PipeReader
	w     *io.PipeWriter
	once  sync.Once
}

func newFramed(write func([]byte) error, close func() error) *framed {
	r, w := io.Pipe()
	return &framed{write: write, close: close, r: r, w: w}
}

func (f *framed) Read(p []byte) (int, error) { return f.r.Read(p) }

func (f *framed) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		chunk := p[:min(len(p), maxFrame)]
		if err := f.write(frame(data, chunk)); err != nil {
			return n, err
		}
		n, p = n+len(chunk), p[len(chunk):]
	}
	return n, nil
}

func (f *framed) Close() error {
	f.once.Do(func() {
		f.r.Close()
		f.w.Close()
		if f.close != nil {
			f.close()
		}
	})
	return nil
}
