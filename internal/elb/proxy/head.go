package proxy

import "bytes"

// The limits of Application Load Balancers.
const (
	maxLine         = 16 << 10 // request line
	maxField        = 16 << 10 // one header field
	maxRequestHead  = 64 << 10
	maxResponseHead = 32 << 10
	maxFields       = 1000
)

// span is a part of a buffer.
type span struct{ from, to uint32 }

func (s span) of(buf []byte) []byte { return buf[s.from:s.to] }
func (s span) len() int             { return int(s.to - s.from) }

// field is a header field: where its name and value are, and which it is when the proxy knows it.
type field struct {
	name, value span
	known       known
}

// head is the head of a message as it was parsed. Its parts are places in buf, so that the buffer may be moved.
type head struct {
	buf    []byte // the message from its first byte on
	size   int    // of the head, with the empty line
	first  [3]span
	minor  int // of the version: HTTP/1.minor
	fields []field

	framing framing
	// options are those of the Connection fields.
	options options
	tier    tier
	strays  string // why the tier is not compliant, by AWS's name for it
}

func (h *head) name(f *field) []byte  { return f.name.of(h.buf) }
func (h *head) value(f *field) []byte { return f.value.of(h.buf) }

// reset forgets a message and keeps the room for fields, unless that is unusually much.
func (h *head) reset() {
	fields := h.fields[:0]
	if cap(fields) > 128 {
		fields = nil
	}
	*h = head{fields: fields}
}

// get returns the value of the first such field.
func (h *head) get(k known) ([]byte, bool) {
	for i := range h.fields {
		if h.fields[i].known == k {
			return h.value(&h.fields[i]), true
		}
	}
	return nil, false
}

// hasToken is whether a comma separated list has the token, in any case.
func hasToken(list []byte, token string) bool {
	for len(list) > 0 {
		var item []byte
		item, list, _ = bytes.Cut(list, comma)
		if equalFold(trim(item), token) {
			return true
		}
	}
	return false
}

var comma = []byte(",")

// equalFold compares with a word in lower case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		if fold(b[i]) != lower[i] {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// trim takes spaces and tabs off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
