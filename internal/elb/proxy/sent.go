package proxy

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// sent is the body of a request that goes to a target by HTTP/2. It keeps the beginning, so that a request that a target
// refuses as it goes away can be sent to it, or to what stands in for it, again.
type sent struct {
	stream *stream
	rest   *time.Timer // of the idle timeout
	idle   time.Duration
	count  atomic.Int64

	mu     sync.Mutex // held while reading: the transport may give a body up while it reads
	begun  []byte     // what has been read
	beyond bool       // more than is kept
	at     int        // in begun
}

// maxKept is how much of a body is kept.
const maxKept = 16 << 10

var errBeyond = errors.New("proxy: too much of the request has been sent to send it again")

func (b *sent) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at < len(b.begun) {
		n := copy(p, b.begun[b.at:])
		b.at += n
		return n, nil
	}
	if b.stream.over.Load() {
		return 0, io.EOF
	}
	n, err := b.stream.r.Body.Read(p)
	b.rest.Reset(b.idle)
	b.count.Add(int64(n))
	if len(b.begun)+n > maxKept {
		b.beyond = true
	}
	if !b.beyond {
		b.begun = append(b.begun, p[:n]...)
		b.at = len(b.begun)
	}
	if err == io.EOF {
		b.stream.over.Store(true)
	}
	return n, err
}

func (b *sent) Close() error { return nil }

// again is the body from its beginning.
func (b *sent) again() (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.beyond {
		return nil, errBeyond
	}
	b.at = 0
	return b, nil
}
