// Package load asks a server the same signed requests over and over, at the least cost: on the same cores as what it
// measures, a client's work counts against the server. test/bench and test/scale measure with it.
package load

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/schema"
	"github.com/berth-dev/berth/internal/wire/client"
)

// Signed is a request as it goes over the wire: signing and encoding it is the client's cost, paid once.
func Signed[In, Out any](ctx context.Context, c *client.Client, op schema.Op[In, Out], in In) ([]byte, error) {
	body, err := json.Marshal(&in)
	if err != nil {
		return nil, err
	}
	r := httptest.NewRequest(http.MethodPost, c.Endpoint+"/", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", op.Service.TargetPrefix+"."+op.Name)
	if err := c.Sign(ctx, r, op.Service.SigningName, body); err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	if err := r.Write(&raw); err != nil {
		return nil, err
	}
	return raw.Bytes(), nil
}

// Rate sends each request over and over on a connection of its own, in a closed loop, and returns how many were answered
// each second.
func Rate(endpoint string, requests [][]byte, window time.Duration) (float64, error) {
	type count struct {
		answered int
		err      error
	}
	counts, began := make(chan count), time.Now()
	for _, request := range requests {
		go func() {
			n, err := loop(strings.TrimPrefix(endpoint, "http://"), request, began.Add(window))
			counts <- count{n, err}
		}()
	}
	total, failed := 0, error(nil)
	for range requests {
		c := <-counts
		if total += c.answered; c.err != nil {
			failed = c.err
		}
	}
	return float64(total) / time.Since(began).Seconds(), failed
}

// loop asks on one connection until the deadline and returns how often it was answered. It reads no more of an answer
// than it must.
func loop(address string, request []byte, deadline time.Time) (answered int, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	buffer := make([]byte, 64<<10)
	for time.Now().Before(deadline) {
		if _, err := conn.Write(request); err != nil {
			return answered, err
		}
		if err := readAnswer(conn, buffer); err != nil {
			return answered, err
		}
		answered++
	}
	return answered, nil
}

// readAnswer reads one answer, which fits the buffer.
func readAnswer(conn net.Conn, buffer []byte) error {
	whole := -1
	for n := 0; whole < 0 || n < whole; {
		more, err := conn.Read(buffer[n:])
		if err != nil {
			return err
		}
		n += more
		if end := bytes.Index(buffer[:n], []byte("\r\n\r\n")); whole < 0 && end >= 0 {
			if !bytes.HasPrefix(buffer, []byte("HTTP/1.1 200 ")) {
				return fmt.Errorf("answered %s", buffer[:n])
			}
			_, after, _ := bytes.Cut(buffer[:end], []byte("Content-Length: "))
			length := 0
			if _, err := fmt.Sscanf(string(after[:bytes.IndexByte(append(after, '\r'), '\r')]), "%d", &length); err != nil {
				return fmt.Errorf("no length in %s", buffer[:end])
			}
			whole = end + 4 + length
		}
	}
	return nil
}
