package proxy

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestStreamsThatAreResetAtOnceDoNotPileUp opens and resets streams as fast as it can: a target never has more of them than
// a connection may have open, and others are served meanwhile.
func TestStreamsThatAreResetAtOnceDoNotPileUp(t *testing.T) {
	w := newWorld(t, encrypted(t, certificate(t, "a.test")))
	var now, most atomic.Int32
	w.targets("web", serve(t, func(rw http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if r.URL.Path == "/slow" {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Second):
			}
		}
		fmt.Fprint(rw, "ok")
	}))
	conn, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go io.Copy(io.Discard, conn)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/slow"}} {
		if err := encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1], Sensitive: true}); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&out, nil)
	_ = framer.WriteSettings()
	for id := uint32(1); id < 4000; id += 2 {
		_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
		_ = framer.WriteRSTStream(id, http2.ErrCodeCancel)
	}
	_, _ = conn.Write(out.Bytes()) // the load balancer may hang up before all is written
	client := secureClient(t, true)
	answer, err := client.Get("https://" + w.addr)
	if err != nil || answer.StatusCode != 200 {
		t.Errorf("another client got %v, %v", answer, err)
	}
	if most.Load() > maxStreams+1 {
		t.Errorf("the target had %d requests at once", most.Load())
	}
}
