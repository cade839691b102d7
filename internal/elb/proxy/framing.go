package proxy

import "bytes"

// framing says how the body of a message is delimited (RFC 9112, 6.3).
type framing struct {
	kind   framingKind
	length int64 // of ofLength
}

type framingKind uint8

const (
	empty framingKind = iota
	ofLength
	chunked
	untilClose
)

// tier is how far a request strays from the specification, as AWS classifies what may be an attempt to smuggle requests.
type tier uint8

const (
	compliant  tier = iota
	acceptable      // no risk
	ambiguous       // servers may differ: served, but no connection that it touched is used again
	severe          // refused
)

// suspect notes that the message strays, and how, by AWS's name for it. The worst is kept.
func (h *head) suspect(t tier, how string) {
	if t > h.tier {
		h.tier, h.strays = t, how
	}
}

// refuse notes that the message can't be taken, and how it strays.
func (h *head) refuse(how string) error {
	h.suspect(severe, how)
	return errBad
}

// classification is what the log says of how a request strays; nothing of one that does not.
func (h *head) classification() (class, reason string) {
	switch h.tier {
	case acceptable:
		return "Acceptable", h.strays
	case ambiguous:
		return "Ambiguous", h.strays
	case severe:
		return "Severe", h.strays
	}
	return "", ""
}

// options are what the Connection fields say.
type options struct {
	close, keepAlive, upgrade bool

	named int // how many fields they name
}

// frameRequest tells how the request's body is delimited, and sorts out what is of this connection only.
func (h *head) frameRequest() error {
	if err := h.frame(); err != nil {
		return err
	}
	method := h.first[0].of(h.buf)
	if h.framing.kind != empty && (string(method) == "GET" || string(method) == "HEAD") {
		if h.framing.kind == ofLength && h.framing.length == 0 {
			h.suspect(acceptable, "GetHeadZeroContentLength")
		} else if h.framing.kind == ofLength {
			h.suspect(ambiguous, "UndefinedContentLengthSemantics")
		} else {
			h.suspect(ambiguous, "UndefinedTransferEncodingSemantics")
		}
	}
	return nil
}

// frameResponse tells how the body of the response to a request with that method is delimited.
func (h *head) frameResponse(method []byte) error {
	if err := h.frame(); err != nil {
		return err
	}
	status := h.status()
	switch {
	case string(method) == "HEAD", status < 200, status == 204, status == 304:
		h.framing.kind = empty // what its fields say is of the response to a GET
	case h.framing.kind == empty:
		h.framing.kind = untilClose
	}
	return nil
}

// frame reads Content-Length, Transfer-Encoding and Connection. A message with both of the former is chunked, and suspect.
func (h *head) frame() error {
	lengths, codings := 0, 0
	for i := range h.fields {
		f := &h.fields[i]
		switch f.known {
		case contentLength:
			n, ok := parseLength(h.value(f))
			if !ok {
				return h.refuse("BadContentLength")
			}
			if lengths > 0 && n != h.framing.length {
				return h.refuse("MultipleContentLength")
			}
			if lengths++; lengths > 1 {
				h.suspect(ambiguous, "DuplicateContentLength")
			}
			h.framing = framing{ofLength, n}
		case transferEncoding:
			if codings++; codings > 1 {
				return h.refuse("MultipleTransferEncodingChunked")
			}
			if !equalFold(h.value(f), "chunked") {
				if !equalFold(h.value(f), "identity") {
					h.suspect(severe, "BadTransferEncoding")
					return errEncoding
				}
				codings-- // the same as none
				h.suspect(ambiguous, "AmbiguousTransferEncoding")
			}
		case connection:
			if err := h.nominate(h.value(f)); err != nil {
				return err
			}
		case other:
			if isDisguised(h.name(f)) {
				h.suspect(ambiguous, "SuspiciousHeader")
			}
		}
	}
	if codings > 0 {
		if lengths > 0 || h.minor == 0 {
			h.suspect(ambiguous, "BothTeClPresent")
		}
		h.framing = framing{kind: chunked}
	}
	return nil
}

// parseLength takes digits alone: no sign, no space, no list.
func parseLength(v []byte) (int64, bool) {
	if len(v) == 0 || len(v) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// maxOptions is how many fields Connection may name.
const maxOptions = 64

// nominate reads the options of a Connection field; the fields that it names end at this connection (RFC 9110, 7.6.1).
func (h *head) nominate(list []byte) error {
	for len(list) > 0 {
		var item []byte
		item, list, _ = bytes.Cut(list, comma)
		switch item = trim(item); {
		case equalFold(item, "close"):
			h.options.close = true
		case equalFold(item, "keep-alive"):
			h.options.keepAlive = true
		case equalFold(item, "upgrade"):
			h.options.upgrade = true
		case h.options.named == maxOptions:
			return errTooLarge
		default:
			h.options.named++
			for i := range h.fields {
				if f := &h.fields[i]; mayEnd(f.known) && bytes.EqualFold(h.name(f), item) {
					f.known = hop
				}
			}
		}
	}
	return nil
}

// isDisguised is whether a name could be read as one of those that delimit bodies by a reader that is careless of its
// separators: Transfer_Encoding, ContentLength.
func isDisguised(name []byte) bool {
	if len(name) < len("contentlength") || len(name) > len("transfer--encoding--") {
		return false
	}
	if c := fold(name[0]); c != 't' && c != 'c' && kinds[c]&namedByte != 0 && c != '-' {
		return false
	}
	var letters [20]byte
	n := 0
	for _, c := range name {
		if c = fold(c); 'a' <= c && c <= 'z' {
			letters[n] = c
			n++
		}
	}
	return string(letters[:n]) == "contentlength" || string(letters[:n]) == "transferencoding"
}

// mayEnd is whether a field may be named as one of this connection only. What delimits, addresses and vouches may not.
func mayEnd(k known) bool {
	return k == other || k == cookie || k == userAgent || k == contentType || k == expect || k == date || k == server
}
