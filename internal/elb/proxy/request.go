package proxy

import (
	"bytes"
	"crypto/tls"
	"net/netip"
	"net/url"
	"strings"
)

// request is a request as it came, by whatever version of HTTP.
type request struct {
	head
	method  []byte
	target  []byte // path and query, or *
	path    []byte
	query   []byte
	host    []byte // with the port, if there was one
	clean   []byte // the path for rules; nil: not yet made
	client  netip.AddrPort
	tls     *tls.ConnectionState // nil: without
	version int                  // 1 or 2, of HTTP
}

// unread makes it a request of which nothing is known but how it strays: that could not be read.
func (r *request) unread() {
	tier, strays := r.tier, r.strays
	r.reset()
	r.method, r.minor = []byte("GET"), 1
	r.tier, r.strays = tier, strays
}

// resolve takes the request's target apart (RFC 9112, 3.2) and finds its host.
func (r *request) resolve() error {
	r.method, r.target = r.first[0].of(r.buf), r.first[1].of(r.buf)
	hosts := 0
	r.host = nil
	for i := range r.fields {
		if r.fields[i].known == host {
			hosts++
			r.host = r.value(&r.fields[i])
		}
	}
	if hosts > 1 || hosts == 0 && r.minor > 0 {
		return r.refuse("BadHeader")
	}
	switch {
	case r.target[0] == '/':
	case len(r.target) == 1 && r.target[0] == '*' && string(r.method) == "OPTIONS":
	default:
		if err := r.absolute(); err != nil {
			return err
		}
	}
	if !isHost(r.host) && (r.minor > 0 || len(r.host) > 0) {
		return r.refuse("BadHeader")
	}
	r.path, r.query, _ = bytes.Cut(r.target, []byte("?"))
	r.clean = nil
	return nil
}

// keep makes a copy of the head, for when the buffer that it is in goes to others.
func (r *request) keep() error {
	r.buf = bytes.Clone(r.buf[:r.size])
	return r.resolve()
}

// absolute takes a target with scheme and authority, as a client sends it to a proxy. Its authority is the host.
func (r *request) absolute() error {
	scheme, rest, found := bytes.Cut(r.target, []byte("://"))
	if !found || !equalFold(scheme, "http") && !equalFold(scheme, "https") {
		return r.refuse("BadUri")
	}
	end := bytes.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	r.host, r.target = rest[:end], rest[end:]
	switch {
	case len(r.target) == 0:
		r.target = []byte("/")
	case r.target[0] != '/':
		r.target = append([]byte("/"), r.target...)
	}
	return nil
}

// isHost is whether the bytes may be a host with or without a port. It looks for what could end up as something else where
// the host is used: in a Location, in a path, in another's log.
func isHost(h []byte) bool {
	for _, c := range h {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == '_', c == '~', c == ':', c == '[', c == ']', c == '%', c == '*', c == '+', c == '!', c == '$', c == '&', c == '\'', c == '(', c == ')', c == ';', c == '=', c == ',':
		default:
			return false
		}
	}
	return len(h) > 0
}

// hostname is the host without its port.
func (r *request) hostname() []byte {
	name, _ := splitPort(r.host)
	return name
}

// splitPort takes the port off a host; it may be an IPv6 address in brackets.
func splitPort(h []byte) (name, port []byte) {
	i := bytes.LastIndexByte(h, ':')
	if i < 0 || bytes.IndexByte(h[i:], ']') >= 0 {
		return h, nil
	}
	return h[:i], h[i+1:]
}

// cleanPath is the path that rules see: without dot segments, and with what needs no encoding decoded, so that no rule is
// walked around by writing a path in another way.
func (r *request) cleanPath() []byte {
	if r.clean == nil {
		r.clean = r.path
		if bytes.IndexByte(r.path, '%') >= 0 || bytes.Contains(r.path, []byte("/.")) {
			r.clean = []byte(normalize(string(r.path)))
		}
	}
	return r.clean
}

func normalize(p string) string {
	var decoded strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] == '%' && i+2 < len(p) {
			if c, err := url.PathUnescape(p[i : i+3]); err == nil && isUnreserved(c[0]) {
				decoded.WriteString(c)
				i += 2
				continue
			}
		}
		decoded.WriteByte(p[i])
	}
	p = decoded.String()
	if !strings.Contains(p, "/.") {
		return p
	}
	// path.Clean would join slashes too, which are a path's own affair.
	var kept []string
	parts := strings.Split(p, "/")
	for i, part := range parts {
		last := i == len(parts)-1
		switch part {
		case ".":
			if last {
				kept = append(kept, "")
			}
		case "..":
			if len(kept) > 1 {
				kept = kept[:len(kept)-1]
			}
			if last {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "/")
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}
