package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
	"github.com/berth-dev/berth/internal/elb/handshake"
)

// handshakeTimeout bounds the time that a client takes for its part of the handshake.
const handshakeTimeout = 10 * time.Second

// serverTLS is the listener's side of handshakes, with the versions of HTTP that it speaks.
func serverTLS(s *balancer.TLSSettings, http2 bool) (*tls.Config, error) {
	config, err := handshake.Config(s)
	if err != nil {
		return nil, err
	}
	config.NextProtos = []string{"http/1.1"}
	if http2 {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	return config, nil
}

// secure shakes hands with a client when the listener is for HTTPS. A client that speaks HTTP there is told so.
func (c *client) secure() (net.Conn, bool) {
	s := c.proxy.setup.Load()
	if !s.secure {
		return c.socket, true
	}
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	conn := tls.Server(c.socket, s.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		var plain tls.RecordHeaderError
		if errors.As(err, &plain) && plain.Conn != nil && isToken(plain.RecordHeader[:1]) {
			_ = c.socket.SetWriteDeadline(time.Now().Add(handshakeTimeout))
			page := page("400 The plain HTTP request was sent to HTTPS port", "400 Bad Request")
			_, _ = fmt.Fprintf(c.socket, "HTTP/1.1 400 Bad Request\r\nServer: awselb/2.0\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(page), page)
			c.end.open(c.socket)
			c.linger()
			c.release()
		}
		return nil, false
	}
	state := conn.ConnectionState()
	c.exchange.req.tls = &state
	c.exchange.facts = tlsFactsOf(&state, s)
	return conn, true
}

// tlsFactsOf writes the fields by which targets learn of the client's TLS: X-Amzn-Tls-... if that is on, and what mutual TLS
// tells of the client's certificate.
func tlsFactsOf(state *tls.ConnectionState, s *setup) []byte {
	var facts []byte
	if s.balancer.HTTP.TLSHeaders {
		facts = fmt.Appendf(facts, "X-Amzn-Tls-Version: %s\r\nX-Amzn-Tls-Cipher-Suite: %s\r\n", versionName(state.Version), cipherName(state.CipherSuite))
	}
	if len(state.PeerCertificates) == 0 || s.listener.TLS == nil {
		return facts
	}
	switch s.listener.TLS.Mutual {
	case handshake.Passthrough:
		return append(append(append(facts, "X-Amzn-Mtls-Clientcert: "...), encodedPEM(state.PeerCertificates)...), crlf...)
	case handshake.Verify:
		leaf := state.PeerCertificates[0]
		return fmt.Appendf(facts, "X-Amzn-Mtls-Clientcert-Serial-Number: %X\r\nX-Amzn-Mtls-Clientcert-Issuer: %s\r\nX-Amzn-Mtls-Clientcert-Subject: %s\r\n"+
			"X-Amzn-Mtls-Clientcert-Validity: NotBefore=%s;NotAfter=%s\r\nX-Amzn-Mtls-Clientcert-Leaf: %s\r\n",
			leaf.SerialNumber.Bytes(), printable(leaf.Issuer.String()), printable(leaf.Subject.String()),
			leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339), encodedPEM(state.PeerCertificates[:1]))
	}
	return facts
}

// versionName is how AWS writes a version of TLS.
func versionName(v uint16) string {
	switch v {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return "-"
}

// cipherName is OpenSSL's name of a cipher suite, which AWS uses.
func cipherName(id uint16) string {
	for _, p := range balancer.Policies {
		if i := slices.IndexFunc(p.Ciphers, func(c balancer.Cipher) bool { return c.ID == id }); i >= 0 {
			return p.Ciphers[i].Name
		}
	}
	return tls.CipherSuiteName(id)
}

// queue is a listener whose connections come from elsewhere.
type queue struct {
	conns  chan net.Conn
	done   chan struct{}
	closed sync.Once
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, io.EOF
	}
}

func (q *queue) Close() error {
	q.closed.Do(func() { close(q.done) })
	return nil
}

func (q *queue) Addr() net.Addr { return &net.TCPAddr{} }
