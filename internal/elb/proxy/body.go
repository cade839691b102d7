package proxy

import (
	"bytes"
	"io"
	"time"
)

// body reads the body of a message from an end, without its framing.
type body struct {
	from  *end
	idle  time.Duration
	vigil *vigil // while waiting; nil: none
	// before, unless nil, sends on what was made of the pieces so far when there is nothing left to read but by waiting.
	before flusher
	framing
	left  int64 // of the body, or of the chunk
	stage stage
	// trailers are the fields after the last chunk. They are good until the end is read again.
	trailers head
}

// flusher is what gathers bytes and sends them when told.
type flusher interface{ flush() error }

// stage is where in a chunked body (RFC 9112, 7.1) it reads.
type stage uint8

const (
	chunkSize stage = iota
	chunkData
	chunkEnd
	trailerSection
	over
)

// maxChunkLine is how long the line with a chunk's size may be. Extensions are read over.
const maxChunkLine = 512

func (b *body) start(from *end, f framing, idle time.Duration, v *vigil) {
	b.from, b.framing, b.idle, b.vigil, b.before = from, f, idle, v, nil
	b.left, b.stage = f.length, chunkSize
	b.trailers.reset()
}

// next returns the next piece, io.EOF after the last. A piece is good until the next call.
func (b *body) next() ([]byte, error) {
	switch b.kind {
	case ofLength:
		if b.left == 0 {
			return nil, io.EOF
		}
		return b.piece()
	case chunked:
		return b.nextOfChunks()
	case untilClose:
		b.left = 1 << 62
		p, err := b.piece()
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		return p, err
	}
	return nil, io.EOF
}

// whole is whether all of it has been read into the buffer already, so that it can be sent again.
func (b *body) whole() bool {
	return b.kind == empty || b.kind == ofLength && b.left <= int64(b.from.w-b.from.r)
}

// content is what there is of a body that is whole.
func (b *body) content() []byte { return b.from.buf[b.from.r : b.from.r+int(b.left)] }

// skip takes what content returned.
func (b *body) skip() {
	b.from.r += int(b.left)
	b.left = 0
}

func (b *body) interrupt() { b.from.interrupt() }

// ended is whether all of it has been taken.
func (b *body) ended() bool {
	switch b.kind {
	case ofLength:
		return b.left == 0
	case chunked:
		return b.stage == over
	}
	return b.kind == empty
}

// piece takes up to left bytes of what is there, or of what comes.
func (b *body) piece() ([]byte, error) {
	if b.from.r == b.from.w {
		if err := b.more(); err != nil {
			return nil, err
		}
	}
	n := int(min(b.left, int64(b.from.w-b.from.r)))
	p := b.from.buf[b.from.r : b.from.r+n]
	b.from.r += n
	b.left -= int64(n)
	return p, nil
}

func (b *body) more() error {
	if b.before != nil {
		if err := b.before.flush(); err != nil {
			return err
		}
	}
	err := b.from.more(b.idle, b.vigil)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (b *body) nextOfChunks() ([]byte, error) {
	for {
		switch b.stage {
		case chunkSize:
			line, err := b.line()
			if err != nil {
				return nil, err
			}
			if b.left, err = parseChunkSize(line); err != nil {
				return nil, err
			}
			if b.stage = chunkData; b.left == 0 {
				b.stage = trailerSection
			}
		case chunkData:
			if b.left > 0 {
				return b.piece()
			}
			b.stage = chunkEnd
		case chunkEnd:
			line, err := b.line()
			if err != nil {
				return nil, err
			}
			if len(line) != 0 {
				return nil, errBad
			}
			b.stage = chunkSize
		case trailerSection:
			if err := b.readTrailers(); err != nil {
				return nil, err
			}
			b.stage = over
		default:
			return nil, io.EOF
		}
	}
}

// line takes a line that ends with CR LF, and nothing less: readers that differ here let requests be smuggled.
func (b *body) line() ([]byte, error) {
	for {
		unread := b.from.buf[b.from.r:b.from.w]
		if i := bytes.IndexByte(unread, '\n'); i >= 0 {
			if i == 0 || unread[i-1] != '\r' {
				return nil, errBad
			}
			b.from.r += i + 1
			return unread[:i-1], nil
		}
		if len(unread) > maxChunkLine {
			return nil, errBad
		}
		if err := b.more(); err != nil {
			return nil, err
		}
	}
}

// readTrailers parses the fields up to the empty line at the end.
func (b *body) readTrailers() error {
	for {
		unread := b.from.buf[b.from.r:b.from.w]
		end := 0
		if bytes.HasPrefix(unread, crlf) {
			end = len(crlf)
		} else {
			end = headEnd(unread, 0)
		}
		if end > 0 {
			b.trailers.buf, b.trailers.size = unread, end
			if err := b.trailers.parseFields(0); err != nil {
				return err
			}
			if b.trailers.tier != compliant { // such as lines that end with LF alone
				return errBad
			}
			b.from.r += b.trailers.size
			return nil
		}
		if len(unread) > maxTrailers {
			return errTooLarge
		}
		if err := b.more(); err != nil {
			return err
		}
	}
}

// maxTrailers is how much may follow the last chunk.
const maxTrailers = 2 << 10

var crlf = []byte("\r\n")

// parseChunkSize reads hexadecimal digits up to the end or an extension.
func parseChunkSize(line []byte) (int64, error) {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	digits = bytes.TrimRight(digits, " \t")
	if len(digits) == 0 || len(digits) > 15 || check(line) == badBytes {
		return 0, errBad
	}
	var n int64
	for _, c := range digits {
		switch c = fold(c); {
		case '0' <= c && c <= '9':
			n = n<<4 | int64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | int64(c-'a'+10)
		default:
			return 0, errBad
		}
	}
	return n, nil
}
