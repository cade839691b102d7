package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// canonical appends the canonical request: the bytes of a request in the one
// form that both sides sign.
func (s *Signature) canonical(b []byte, r *http.Request, payloadHash string, doubleEncode bool) []byte {
	b = append(b, r.Method...)
	b = append(b, '\n')
	b = appendPath(b, r, doubleEncode)
	b = append(b, '\n')
	b = appendQuery(b, r.URL.RawQuery)
	b = append(b, '\n')
	for _, name := range s.signedHeaders {
		b = append(b, name...)
		b = append(b, ':')
		b = appendHeader(b, r, name)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	for i, name := range s.signedHeaders {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	b = append(b, '\n')
	return append(b, payloadHash...)
}

// appendPath appends the path as it came, encoded once more (S3: as it is),
// its dots and empty segments resolved.
func appendPath(b []byte, r *http.Request, doubleEncode bool) []byte {
	path := r.URL.EscapedPath()
	if path == "" || path == "/" {
		return append(b, '/')
	}
	if !doubleEncode {
		return appendEscaped(b, unescape(path, false), true)
	}
	return appendEscaped(b, clean(path), true)
}

// clean resolves "." and ".." and repeated slashes, and keeps a final slash.
func clean(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path
	}
	var out []string
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
		case "..":
			out = out[:max(len(out)-1, 0)]
		default:
			out = append(out, part)
		}
	}
	if len(out) == 0 {
		return "/"
	}
	last := path[strings.LastIndexByte(path, '/')+1:]
	if last == "" || last == "." || last == ".." {
		out = append(out, "")
	}
	return "/" + strings.Join(out, "/")
}

type param struct{ name, value string }

// params splits a query string and decodes names and values.
func params(raw string) []param {
	if raw == "" {
		return nil
	}
	list := make([]param, 0, strings.Count(raw, "&")+1)
	for p := range strings.SplitSeq(raw, "&") {
		if p == "" {
			continue
		}
		name, value, _ := strings.Cut(p, "=")
		list = append(list, param{unescape(name, true), unescape(value, true)})
	}
	return list
}

// appendQuery appends the query string, sorted by the encoded names and then
// the encoded values, without the signature itself.
func appendQuery(b []byte, raw string) []byte {
	list := params(raw)
	for i := range list {
		list[i].name = string(appendEscaped(nil, list[i].name, false))
		list[i].value = string(appendEscaped(nil, list[i].value, false))
	}
	slices.SortStableFunc(list, func(x, y param) int {
		if c := strings.Compare(x.name, y.name); c != 0 {
			return c
		}
		return strings.Compare(x.value, y.value)
	})
	first := true
	for _, p := range list {
		if p.name == "X-Amz-Signature" {
			continue
		}
		if !first {
			b = append(b, '&')
		}
		first = false
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b
}

// appendHeader appends a header's values, trimmed, inner runs of blanks made
// one, several joined by commas.
func appendHeader(b []byte, r *http.Request, name string) []byte {
	switch name {
	case "host":
		return append(b, r.Host...)
	case "content-length":
		if _, ok := r.Header["Content-Length"]; !ok && r.ContentLength >= 0 {
			return strconv.AppendInt(b, r.ContentLength, 10)
		}
	case "transfer-encoding":
		return append(b, strings.Join(r.TransferEncoding, ",")...)
	}
	for i, v := range r.Header.Values(name) {
		if i > 0 {
			b = append(b, ',')
		}
		blank := false
		for _, c := range []byte(strings.TrimSpace(v)) {
			if c == ' ' && blank {
				continue
			}
			blank = c == ' '
			b = append(b, c)
		}
	}
	return b
}

const upperHex = "0123456789ABCDEF"

// appendEscaped percent-encodes all but RFC 3986's unreserved characters, and
// slashes when keepSlash.
func appendEscaped(b []byte, s string, keepSlash bool) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '-' || c == '_' || c == '.' || c == '~' || c == '/' && keepSlash {
			b = append(b, c)
			continue
		}
		b = append(b, '%', upperHex[c>>4], upperHex[c&15])
	}
	return b
}

// unescape decodes %XX, and plus as a blank in a query string. An escape that
// is not one stays as it is.
func unescape(s string, query bool) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+' && query:
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) < 16 && unhex(s[i+2]) < 16:
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
