package proxy

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"time"
)

// outgoing writes the head of the request for an HTTP/1.1 target.
func (x *exchange) outgoing(out []byte) []byte {
	r, s := &x.req, &x.setup.balancer.HTTP
	out = append(out, r.method...)
	out = append(out, ' ')
	out = append(out, r.target...)
	out = append(out, " HTTP/1.1\r\n"...)
	out = x.forwardedFor(out)
	if x.setup.secure {
		out = append(out, "X-Forwarded-Proto: https\r\nX-Forwarded-Port: "...)
	} else {
		out = append(out, "X-Forwarded-Proto: http\r\nX-Forwarded-Port: "...)
	}
	out = strconv.AppendUint(out, uint64(x.port), 10)
	out = append(out, "\r\nHost: "...)
	out = x.outgoingHost(out)
	out = append(out, "\r\nX-Amzn-Trace-Id: "...)
	begin := len(out)
	out = x.trace(out)
	x.record.traceID = append(x.record.traceID[:0], out[begin:]...)
	out = append(out, crlf...)
	for i := range r.fields {
		f := &r.fields[i]
		switch f.known {
		case other, cookie, contentType, userAgent, date, server, setCookie, trailer:
			if s.DropInvalidHeaders && !isNamed(r.name(f)) {
				continue
			}
		case expect:
			if r.minor == 0 {
				continue
			}
		default: // of this connection, or the load balancer's to say
			continue
		}
		out = append(out, r.name(f)...)
		out = append(out, ": "...)
		out = append(out, r.value(f)...)
		out = append(out, crlf...)
	}
	out = append(out, x.facts...)
	switch r.framing.kind {
	case ofLength:
		out = append(out, "Content-Length: "...)
		out = strconv.AppendInt(out, r.framing.length, 10)
		out = append(out, crlf...)
	case chunked:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	}
	if x.upgrades() {
		out = append(out, "Connection: Upgrade\r\nUpgrade: "...)
		value, _ := r.get(upgrade)
		out = append(append(out, value...), crlf...)
	}
	return append(out, crlf...)
}

// forwardedFor writes X-Forwarded-For by routing.http.xff_header_processing.mode.
func (x *exchange) forwardedFor(out []byte) []byte {
	mode := x.setup.balancer.HTTP.ForwardedFor
	if mode == "remove" {
		return out
	}
	begin := len(out)
	out = append(out, "X-Forwarded-For: "...)
	empty := len(out)
	for i := range x.req.fields {
		if f := &x.req.fields[i]; f.known == forwardedFor && f.value.len() > 0 {
			if len(out) > empty {
				out = append(out, ", "...)
			}
			out = append(out, x.req.value(f)...)
		}
	}
	if mode == "preserve" {
		if len(out) == empty {
			return out[:begin]
		}
		return append(out, crlf...)
	}
	if len(out) > empty {
		out = append(out, ", "...)
	}
	if x.setup.balancer.HTTP.ClientPort {
		out = x.req.client.AppendTo(out)
	} else {
		out = x.req.client.Addr().AppendTo(out)
	}
	return append(out, crlf...)
}

// forwarders counts the addresses of X-Forwarded-For.
func (r *request) forwarders() int {
	n := 0
	for i := range r.fields {
		if f := &r.fields[i]; f.known == forwardedFor {
			n += 1 + bytes.Count(r.value(f), comma)
		}
	}
	return n
}

// outgoingHost writes the host as the client gave it or, unless that is to be preserved, as a load balancer does: with the
// listener's port when that is not the usual one, otherwise without. A client that came by a port of this machine instead of
// the listener's gets it as it gave it: by another it would not find back.
func (x *exchange) outgoingHost(out []byte) []byte {
	if len(x.req.host) == 0 { // of HTTP/1.0
		return append(out, x.setup.balancer.DNSName...)
	}
	listener := x.setup.listener.Port
	if x.setup.balancer.HTTP.PreserveHost || x.port != listener {
		return append(out, x.req.host...)
	}
	name, port := splitPort(x.req.host)
	if listener == 80 || listener == 443 {
		return append(out, name...)
	}
	out = append(out, x.req.host...)
	if len(port) == 0 {
		out = strconv.AppendUint(append(out, ':'), uint64(listener), 10)
	}
	return out
}

// trace writes the value of X-Amzn-Trace-Id: a root of its own, or the one that came behind what this load balancer adds.
func (x *exchange) trace(out []byte) []byte {
	came, _ := x.req.get(traceID)
	if !bytes.Contains(came, []byte("Root=")) {
		out = append(appendTraceID(append(out, "Root="...)), ';')
		if len(came) == 0 {
			return out[:len(out)-1]
		}
		return append(out, came...)
	}
	out = appendTraceID(append(out, "Self="...))
	for len(came) > 0 {
		var part []byte
		part, came, _ = bytes.Cut(came, []byte(";"))
		if part = trim(part); len(part) > 0 && !bytes.HasPrefix(part, []byte("Self=")) {
			out = append(append(out, ';'), part...)
		}
	}
	return out
}

// appendTraceID writes a new identifier: version, time, 96 random bits.
func appendTraceID(out []byte) []byte {
	var b [16]byte
	binary.BigEndian.PutUint32(b[0:], uint32(time.Now().Unix()))
	binary.BigEndian.PutUint64(b[4:], rand.Uint64())
	binary.BigEndian.PutUint32(b[12:], rand.Uint32())
	out = append(out, "1-"...)
	out = hex.AppendEncode(out, b[:4])
	out = append(out, '-')
	return hex.AppendEncode(out, b[4:])
}

// upgrades is whether the request asks for another protocol on its connection that the target may switch to. HTTP/2 is not
// among them: what a client then sent would pass every rule.
func (x *exchange) upgrades() bool {
	r := &x.req
	if !r.options.upgrade || r.framing.kind != empty || r.minor == 0 || r.version != 1 {
		return false
	}
	value, ok := r.get(upgrade)
	return ok && len(value) > 0 && !hasToken(value, "h2c") && !hasToken(value, "http/2.0") && !hasToken(value, "tls/1.0")
}
