package target

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// request is a health check by HTTP.
type request struct {
	dial    func(context.Context) (net.Conn, error)
	host    string // with the port
	check   balancer.Check
	version string // of the protocol: balancer.HTTP1, HTTP2, GRPC
}

// maxRead is how much of an answer is read: its headers, and the body for the status of gRPC, which comes after it.
const maxRead = 64 << 10

// do sends the request over a connection of its own and compares the code of the answer.
func (r request) do(ctx context.Context) result {
	transport := r.transport()
	defer transport.CloseIdleConnections()
	scheme := strings.ToLower(r.check.Protocol)
	method, body := http.MethodGet, []byte(nil)
	if r.version == balancer.GRPC {
		method, body = http.MethodPost, make([]byte, 5) // an empty message
	}
	req, err := http.NewRequestWithContext(ctx, method, scheme+"://"+r.host+r.check.Path, bytes.NewReader(body))
	if err != nil {
		return result{balancer.InternalError, textInternal}
	}
	req.Header.Set("User-Agent", "ELB-HealthChecker/2.0")
	req.Header.Set("Accept-Encoding", "gzip, compressed")
	if r.version == balancer.GRPC {
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("TE", "trailers")
	}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		return failure(ctx, err)
	}
	defer answer.Body.Close()
	if r.version == balancer.GRPC {
		return r.grpc(ctx, answer)
	}
	return r.compare(strconv.Itoa(answer.StatusCode))
}

// grpc is the result by the status that gRPC sends in the trailers, or in the headers when there is nothing else.
func (r request) grpc(ctx context.Context, answer *http.Response) result {
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, maxRead)); err != nil {
		return failure(ctx, err)
	}
	for _, from := range []http.Header{answer.Trailer, answer.Header} {
		if code := from.Get("Grpc-Status"); code != "" {
			return r.compare(code)
		}
	}
	return result{balancer.FailedHealthChecks, textFailed}
}

func (r request) compare(code string) result {
	if n, err := strconv.Atoi(code); err != nil || !codes(r.check.Codes).has(n) {
		return mismatch(code)
	}
	return result{}
}

// transport is of one request. The certificate of a target is not verified: AWS does not either.
func (r request) transport() *http.Transport {
	var protocols http.Protocols
	if r.version == balancer.HTTP2 || r.version == balancer.GRPC {
		protocols.SetHTTP2(true)
		protocols.SetUnencryptedHTTP2(true)
	} else {
		protocols.SetHTTP1(true)
	}
	return &http.Transport{
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return r.dial(ctx) },
		TLSClientConfig:        &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxRead,
		Protocols:              &protocols,
	}
}

// codes is a list of codes and ranges of them: "200,300-399".
type codes string

func (c codes) has(code int) bool {
	for part := range strings.SplitSeq(string(c), ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		low, err := strconv.Atoi(first)
		high := low
		if err == nil && isRange {
			high, err = strconv.Atoi(last)
		}
		if err == nil && low <= code && code <= high {
			return true
		}
	}
	return false
}
