package proxy

import (
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// stream is a request that came by HTTP/2, and where its answer goes.
type stream struct {
	exchange exchange
	w        http.ResponseWriter
	r        *http.Request
	buf      []byte
	read     int64
	last     atomic.Int64 // when something came
	over     atomic.Bool  // the body has been read to its end
}

// serveStream answers one request of an HTTP/2 connection.
func (p *Proxy) serveStream(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(clientKey{}).(*client)
	if c == nil || r.ProtoMajor != 2 {
		w.WriteHeader(http.StatusHTTPVersionNotSupported)
		return
	}
	s := &stream{w: w, r: r}
	s.over.Store(r.Body == nil || r.Body == http.NoBody)
	x := &s.exchange
	x.proxy, x.at, x.port, x.ctx, x.facts = p, c.at, c.exchange.port, r.Context(), c.exchange.facts
	x.req.client, x.req.tls, x.req.version = c.remote, c.exchange.req.tls, 2
	x.sink, x.body, x.vigil = s, s, vigil{last: &s.last}
	x.begin(p.setup.Load())
	x.out = take(medium)[:0]
	defer func(b []byte) { give(b) }(x.out)
	if c.old.Load() || c.speaker.Load() != p.http2.now.Load() {
		w.Header().Set("Connection", "close") // HTTP/2's goodbye: no further request on this connection
	}
	if err := s.parse(); err != nil {
		status := statusOf(err)
		x.req.unread()
		x.fail(max(status, 400))
	} else {
		x.run()
	}
	x.log()
	if s.buf != nil {
		give(s.buf)
	}
	if x.broken || x.record.status == 460 {
		panic(http.ErrAbortHandler)
	}
}

// parse writes the request as HTTP/1.1 has it and parses that, so that all that is asked of requests is asked of it.
func (s *stream) parse() error {
	r, text := s.r, make([]byte, 0, 1024)
	uri := r.RequestURI
	if uri == "" || r.Method == http.MethodConnect {
		return errBad
	}
	text = append(append(append(append(text, r.Method...), ' '), uri...), " HTTP/1.1\r\nHost: "...)
	text = append(append(text, r.Host...), crlf...)
	for name, values := range r.Header {
		if name == "Content-Length" { // which is r.ContentLength too
			continue
		}
		for _, v := range values {
			text = append(append(append(append(text, name...), ": "...), v...), crlf...)
		}
	}
	_, told := r.Header["Content-Length"]
	switch {
	case r.ContentLength > 0, told && r.ContentLength == 0:
		text = append(strconv.AppendInt(append(text, "Content-Length: "...), r.ContentLength, 10), crlf...)
	case r.ContentLength < 0 && !s.over.Load():
		text = append(text, "Transfer-Encoding: chunked\r\n"...)
	}
	text = append(text, crlf...)
	if len(text) > maxRequestHead {
		return errTooLarge
	}
	q := &s.exchange.req
	if err := q.parseRequest(text, len(text)); err != nil {
		return err
	}
	if q.size != len(text) {
		return errBad
	}
	q.tier = min(q.tier, acceptable) // HTTP/2 delimits bodies without doubt
	return q.resolve()
}

func (s *stream) next() ([]byte, error) {
	if s.over.Load() {
		return nil, io.EOF
	}
	if s.buf == nil {
		s.buf = take(medium)
	}
	n, err := s.r.Body.Read(s.buf)
	s.read += int64(n)
	s.last.Store(time.Now().UnixNano())
	if err == io.EOF {
		s.over.Store(true)
	}
	if n > 0 {
		return s.buf[:n], nil
	}
	return nil, err
}

func (s *stream) whole() bool     { return s.over.Load() && s.read == 0 }
func (s *stream) content() []byte { return nil }
func (s *stream) skip()           {}
func (s *stream) ended() bool     { return s.over.Load() }

func (s *stream) interrupt() { _ = s.r.Body.Close() }

func (s *stream) end() *end { return nil }

// interim passes on what comes before the answer, except 100, which is between neighbours.
func (s *stream) interim(h *head) error {
	if status := h.status(); status > 100 {
		header := s.w.Header()
		s.copy(h)
		s.w.WriteHeader(status)
		clear(header)
	}
	return nil
}

// copy puts the fields that are meant for the client into the header.
func (s *stream) copy(h *head) {
	header, setup := s.w.Header(), s.exchange.setup
	for i := range h.fields {
		f := &h.fields[i]
		switch f.known {
		case hop, connection, contentLength, transferEncoding, upgrade, te, trailer:
			continue
		}
		if len(setup.headers) == 0 || !setup.changes(h.name(f)) {
			header.Add(string(h.name(f)), string(h.value(f)))
		}
	}
}

func (s *stream) begin(r *reply) error {
	header, setup := s.w.Header(), s.exchange.setup
	if r.fields != nil {
		s.copy(r.fields)
	}
	for name, values := range r.header {
		if len(setup.headers) == 0 || !setup.changes([]byte(name)) {
			header[name] = values
		}
	}
	var added head
	added.buf, added.size = append(r.added, crlf...), len(r.added)+len(crlf)
	if err := added.parseFields(0); err != nil {
		return err
	}
	s.copy(&added)
	for _, h := range setup.headers {
		if h.value != "" {
			header.Set(h.name, h.value)
		}
	}
	if _, ok := header["Content-Type"]; !ok {
		header["Content-Type"] = nil // or it is guessed
	}
	switch {
	case r.framing.kind == ofLength:
		header.Set("Content-Length", strconv.FormatInt(r.framing.length, 10))
	case r.fields != nil && r.framing.kind == empty && (r.status == 304 || s.r.Method == http.MethodHead):
		if length, ok := r.fields.get(contentLength); ok {
			header.Set("Content-Length", string(length))
		}
	}
	s.w.WriteHeader(r.status)
	return nil
}

func (s *stream) data(p []byte) error {
	_, err := s.w.Write(p)
	return err
}

func (s *stream) flush() error { return http.NewResponseController(s.w).Flush() }

func (s *stream) finish(trailers *head) error {
	if trailers != nil {
		for i := range trailers.fields {
			if f := &trailers.fields[i]; f.known == other {
				s.w.Header().Add(http.TrailerPrefix+string(trailers.name(f)), string(trailers.value(f)))
			}
		}
	}
	return nil
}
