package proxy

import (
	"bytes"
	"errors"
)

// Why a head cannot be taken.
var (
	errBad      = errors.New("proxy: the head of the message is malformed")
	errTooLarge = errors.New("proxy: the head of the message is too large")
	errURI      = errors.New("proxy: the request line is too long")
	errVersion  = errors.New("proxy: the version of HTTP is not supported")
	errEncoding = errors.New("proxy: the transfer coding is not supported")
)

// headEnd finds where the head that begins at buf[0] ends: after its first empty line; 0: that has not come yet. Looking
// begins at from, up to which the caller has looked before. A line ends with CR LF or, as the load balancers of AWS take it
// too, with LF.
func headEnd(buf []byte, from int) int {
	from = max(from-2, 0)
	end := 0
	if i := bytes.Index(buf[from:], crlfLine); i >= 0 {
		end = from + i + len(crlfLine)
		buf = buf[:end]
	}
	if i := bytes.Index(buf[from:], lfLine); i >= 0 {
		end = from + i + len(lfLine)
	}
	return end
}

var (
	crlfLine = []byte("\n\r\n")
	lfLine   = []byte("\n\n")
)

// nextLine takes a line off the head: where it is, without its end, and where the next begins.
func (h *head) nextLine(at int) (line span, next int, err error) {
	i := bytes.IndexByte(h.buf[at:h.size], '\n')
	if i < 0 {
		return span{}, 0, errBad
	}
	end := at + i
	if i > 0 && h.buf[end-1] == '\r' {
		return span{uint32(at), uint32(end - 1)}, end + 1, nil
	}
	h.suspect(acceptable, "NonCrLfLineTermination")
	return span{uint32(at), uint32(end)}, end + 1, nil
}

// parseRequest parses the head of a request that is complete in buf[:size].
func (h *head) parseRequest(buf []byte, size int) error {
	h.reset()
	h.buf, h.size = buf, size
	line, next, err := h.nextLine(0)
	if err != nil {
		return err
	}
	if line.len() > maxLine {
		return errURI
	}
	text := line.of(buf)
	method := bytes.IndexByte(text, ' ')
	version := bytes.LastIndexByte(text, ' ')
	if method <= 0 || method > 127 {
		return h.refuse("BadMethod")
	}
	if version <= method+1 {
		return h.refuse("BadUri")
	}
	h.first[0] = span{line.from, line.from + uint32(method)}
	h.first[1] = span{line.from + uint32(method) + 1, line.from + uint32(version)}
	h.first[2] = span{line.from + uint32(version) + 1, line.to}
	if !isToken(h.first[0].of(buf)) {
		return h.refuse("BadMethod")
	}
	if !isTarget(h.first[1].of(buf)) {
		return h.refuse("BadUri")
	}
	if h.minor, err = parseVersion(h.first[2].of(buf)); err != nil {
		h.suspect(severe, "BadVersion")
		return err
	}
	if err := h.parseFields(next); err != nil {
		return err
	}
	return h.frameRequest()
}

// parseResponse parses the head of a response that is complete in buf[:size].
func (h *head) parseResponse(buf []byte, size int) error {
	h.reset()
	h.buf, h.size = buf, size
	line, next, err := h.nextLine(0)
	if err != nil {
		return err
	}
	text := line.of(buf)
	if len(text) < len("HTTP/1.1 200") || text[8] != ' ' || len(text) > 12 && text[12] != ' ' {
		return errBad
	}
	if h.minor, err = parseVersion(text[:8]); err != nil {
		return err
	}
	for _, c := range text[9:12] {
		if c < '0' || c > '9' {
			return errBad
		}
	}
	if text[9] == '0' || bytes.IndexByte(text, 0) >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		return errBad
	}
	h.first[1] = span{line.from + 9, line.from + 12}
	h.first[2] = span{min(line.from+13, line.to), line.to}
	return h.parseFields(next)
}

// status is that of a response.
func (h *head) status() int {
	s := h.first[1].of(h.buf)
	return int(s[0]-'0')*100 + int(s[1]-'0')*10 + int(s[2]-'0')
}

// parseVersion takes HTTP/1.0 and HTTP/1.1, and any later minor version as 1.1.
func parseVersion(v []byte) (int, error) {
	if len(v) != 8 || string(v[:5]) != "HTTP/" || v[6] != '.' || v[5] < '0' || v[5] > '9' || v[7] < '0' || v[7] > '9' {
		return 0, errBad
	}
	if v[5] != '1' {
		return 0, errVersion
	}
	return min(int(v[7]-'0'), 1), nil
}

// parseFields parses the header fields from there to the empty line.
func (h *head) parseFields(at int) error {
	for {
		line, next, err := h.nextLine(at)
		if err != nil {
			return err
		}
		if line.len() == 0 {
			h.size = next
			return nil
		}
		if line.len() > maxField || len(h.fields) == maxFields {
			return errTooLarge
		}
		if err := h.parseField(line); err != nil {
			return err
		}
		at = next
	}
}

func (h *head) parseField(line span) error {
	text := line.of(h.buf)
	colon := bytes.IndexByte(text, ':')
	if colon <= 0 || !isToken(text[:colon]) { // a space before the colon and a folded line are no tokens
		return h.refuse("BadHeader")
	}
	value := text[colon+1:]
	start := colon + 1
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value, start = value[1:], start+1
	}
	value = trim(value)
	switch check(value) {
	case badBytes:
		return h.refuse("BadHeader")
	case oddBytes:
		h.suspect(acceptable, "NonCompliantHeader")
	}
	f := field{
		name:  span{line.from, line.from + uint32(colon)},
		value: span{line.from + uint32(start), line.from + uint32(start+len(value))},
		known: know(text[:colon]),
	}
	h.fields = append(h.fields, f)
	return nil
}
