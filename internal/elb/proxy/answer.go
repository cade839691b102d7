package proxy

import (
	"strconv"
	"sync/atomic"
	"time"
)

// answer is what is written to a client that speaks HTTP/1.1. It gathers until flush, or until there is much.
type answer struct {
	client *client
	out    []byte
	kind   framingKind
	// keeps is whether the client may send another request after this answer.
	keeps bool
}

func (a *answer) start(c *client, buf []byte) {
	*a = answer{client: c, out: buf[:0]}
}

func (a *answer) end() *end { return &a.client.end }

func (a *answer) interim(h *head) error {
	a.out = append(a.out[:0], "HTTP/1.1 "...)
	a.out = append(a.out, h.first[1].of(h.buf)...)
	a.out = append(a.out, ' ')
	a.out = append(a.out, h.first[2].of(h.buf)...)
	a.out = append(a.out, crlf...)
	a.fields(h)
	a.out = append(a.out, crlf...)
	return a.flush()
}

// fields writes those that are meant for the client.
func (a *answer) fields(h *head) (dated bool) {
	s := a.client.exchange.setup
	for i := range h.fields {
		f := &h.fields[i]
		switch f.known {
		case hop, connection, contentLength, transferEncoding, upgrade, te:
			continue
		case date:
			dated = true
		}
		if len(s.headers) > 0 && s.changes(h.name(f)) {
			continue
		}
		a.out = append(a.out, h.name(f)...)
		a.out = append(a.out, ": "...)
		a.out = append(a.out, h.value(f)...)
		a.out = append(a.out, crlf...)
	}
	return dated
}

func (a *answer) begin(r *reply) error {
	x := &a.client.exchange
	a.kind = r.framing.kind
	old := x.req.minor == 0
	if a.kind == untilClose && !old {
		a.kind = chunked
	} else if a.kind == chunked && old {
		a.kind = untilClose
	}
	o := &x.req.options
	unread := r.fields == nil && !x.body.whole()
	a.keeps = a.kind != untilClose && !x.spoiled && !unread && !o.close && (!old || o.keepAlive)
	if a.client.proxy.closing.Load() || x.record.began.Sub(a.client.opened) > x.setup.lifetime {
		a.keeps = false
	}
	a.status(r)
	dated := false
	if r.fields != nil {
		dated = a.fields(r.fields)
	}
	if !dated {
		a.out = appendDate(append(a.out, "Date: "...))
		a.out = append(a.out, crlf...)
	}
	a.out = append(a.out, r.added...)
	for i := range x.setup.headers {
		if h := &x.setup.headers[i]; h.value != "" {
			a.out = append(append(append(append(a.out, h.name...), ": "...), h.value...), crlf...)
		}
	}
	switch a.kind {
	case ofLength:
		a.out = strconv.AppendInt(append(a.out, "Content-Length: "...), r.framing.length, 10)
		a.out = append(a.out, crlf...)
	case chunked:
		a.out = append(a.out, "Transfer-Encoding: chunked\r\n"...)
	case empty:
		if r.fields != nil && (r.status == 304 || string(x.req.method) == "HEAD") {
			if length, ok := r.fields.get(contentLength); ok {
				a.out = append(append(append(a.out, "Content-Length: "...), length...), crlf...)
			}
		}
	}
	if a.keeps {
		a.out = append(a.out, "Connection: keep-alive\r\n\r\n"...)
	} else {
		a.out = append(a.out, "Connection: close\r\n\r\n"...)
	}
	return nil
}

func (a *answer) status(r *reply) {
	a.out = append(a.out[:0], "HTTP/1.1 "...)
	a.out = strconv.AppendInt(a.out, int64(r.status), 10)
	a.out = append(a.out, ' ')
	if r.fields != nil {
		a.out = append(a.out, r.fields.first[2].of(r.fields.buf)...)
	} else {
		a.out = append(a.out, title(r.status)...)
	}
	a.out = append(a.out, crlf...)
}

// chunkRoom is what the size of a chunk and the ends of its lines take at most.
const chunkRoom = 16

func (a *answer) data(p []byte) error {
	for len(p) > 0 {
		room := cap(a.out) - len(a.out) - chunkRoom
		if room < small/4 && room < len(p) {
			if err := a.flush(); err != nil {
				return err
			}
			continue
		}
		piece := p[:min(room, len(p))]
		p = p[len(piece):]
		if a.kind != chunked {
			a.out = append(a.out, piece...)
			continue
		}
		a.out = appendChunk(a.out, piece)
	}
	return nil
}

func appendChunk(out, piece []byte) []byte {
	out = strconv.AppendInt(out, int64(len(piece)), 16)
	return append(append(append(out, crlf...), piece...), crlf...)
}

func (a *answer) flush() error {
	if len(a.out) == 0 {
		return nil
	}
	err := a.client.write(a.out, a.client.exchange.idle())
	a.out = a.out[:0]
	return err
}

func (a *answer) finish(trailers *head) error {
	if a.kind == chunked {
		a.out = append(a.out, "0\r\n"...)
		if trailers != nil {
			for i := range trailers.fields {
				if f := &trailers.fields[i]; f.known == other {
					a.out = append(append(append(append(a.out, trailers.name(f)...), ": "...), trailers.value(f)...), crlf...)
				}
			}
		}
		a.out = append(a.out, crlf...)
	}
	return a.flush()
}

// clock is the time as Date has it, written once a second.
var clock atomic.Pointer[dated]

type dated struct {
	second int64
	text   []byte
}

func appendDate(out []byte) []byte {
	now := time.Now()
	d := clock.Load()
	if d == nil || d.second != now.Unix() {
		d = &dated{now.Unix(), now.UTC().AppendFormat(nil, "Mon, 02 Jan 2006 15:04:05 GMT")}
		clock.Store(d)
	}
	return append(out, d.text...)
}
