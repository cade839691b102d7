package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"
)

// FuzzRequest parses anything as a request. What is taken must be written anew as one that net/http reads the same.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST /a?b HTTP/1.1\r\nHost: a:80\r\nContent-Length: 3\r\n\r\nabc", "GET http://b/ HTTP/1.0\nHost: a\n\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: x, close\r\nX: y\r\n\r\n0\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1\r\nX-Amzn-Trace-Id: Root=1;Self=2\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	setup := &setup{balancer: plainBalancer, listener: plainListener}
	f.Fuzz(func(t *testing.T, data []byte) {
		size := headEnd(data, 0)
		if size == 0 || size > maxRequestHead {
			return
		}
		x := &exchange{setup: setup, port: 80}
		x.req.version = 1
		if x.req.parseRequest(data, size) != nil || x.req.resolve() != nil || string(x.req.method) == "CONNECT" {
			return
		}
		match(nil, &x.req)
		x.req.cleanPath()
		out := x.outgoing(nil)
		read, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(out)))
		for i := range x.req.fields {
			if check(x.req.value(&x.req.fields[i])) == oddBytes {
				return // controls within values are the target's to judge
			}
		}
		if err != nil {
			t.Fatalf("%q became %q: %v", data[:size], out, err)
		}
		if read.Method != string(x.req.method) || read.RequestURI != string(x.req.target) {
			t.Fatalf("%q became %q", data[:size], out)
		}
		switch x.req.framing.kind {
		case chunked:
			if read.ContentLength != -1 || len(read.TransferEncoding) != 1 {
				t.Fatalf("%q is not chunked", out)
			}
		default:
			if read.ContentLength != x.req.framing.length || len(read.TransferEncoding) != 0 {
				t.Fatalf("%q has length %d, want %d", out, read.ContentLength, x.req.framing.length)
			}
		}
	})
}

// FuzzResponse parses anything as a response.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 404\n\n"))
	f.Add([]byte("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		size := headEnd(data, 0)
		var h head
		if size == 0 || h.parseResponse(data, size) != nil || h.frameResponse([]byte("GET")) != nil {
			return
		}
		if s := h.status(); s < 100 || s > 999 {
			t.Fatalf("status %d", s)
		}
		h.sets("a")
	})
}

// FuzzChunks decodes anything as a chunked body, and compares with net/http's decoder where that takes it.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("3\r\nabc\r\n0\r\n\r\n"), 3)
	f.Add([]byte("A;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\nGET"), 1)
	f.Add([]byte("ffffffffffffffff\r\n"), 100)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		e := &end{conn: &pieces{data, max(step, 1)}}
		defer e.release()
		var b body
		b.start(e, framing{kind: chunked}, time.Second, nil)
		var got []byte
		for {
			p, err := b.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			got = append(got, p...)
		}
		text := append([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), data...)
		read, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(read.Body)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%q decoded as %q; net/http: %q, %v", data, got, want, err)
		}
	})
}
