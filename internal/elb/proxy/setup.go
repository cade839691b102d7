package proxy

import (
	"bytes"
	"crypto/tls"
	"slices"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// setup is what a listener is to be, made ready. It never changes; Update makes another.
type setup struct {
	balancer *balancer.Balancer
	listener *balancer.Listener
	secure   bool
	tls      *tls.Config // of HTTPS
	rules    []rule
	idle     time.Duration
	lifetime time.Duration // of a client's connection
	// headers are those that answers get or lose.
	headers []header
}

// header is one that the listener adds to answers; without a value it is taken away.
type header struct{ lower, name, value string }

// The defaults of attributes that were left at zero.
const (
	defaultIdle     = 60 * time.Second
	defaultLifetime = time.Hour
)

// prepare makes the setup. What before has and has not changed is taken over, so that clients can resume their sessions.
func (p *Proxy) prepare(b *balancer.Balancer, l *balancer.Listener, before *setup) (*setup, error) {
	s := &setup{
		balancer: b, listener: l, secure: l.Protocol == balancer.HTTPS, rules: compileRules(l.Rules),
		idle: b.HTTP.IdleTimeout, lifetime: b.HTTP.ClientKeepAlive,
	}
	if s.idle <= 0 {
		s.idle = defaultIdle
	}
	if s.lifetime <= 0 {
		s.lifetime = defaultLifetime
	}
	for name, value := range l.Headers {
		s.headers = append(s.headers, header{strings.ToLower(name), name, value})
	}
	if !s.secure {
		return s, nil
	}
	if before != nil && before.secure && sameTLS(before.listener.TLS, l.TLS) && before.balancer.HTTP.HTTP2 == b.HTTP.HTTP2 {
		s.tls = before.tls
		return s, nil
	}
	var err error
	s.tls, err = serverTLS(l.TLS, b.HTTP.HTTP2)
	return s, err
}

// changes is whether the listener says something of that field of answers.
func (s *setup) changes(name []byte) bool {
	for i := range s.headers {
		if equalFold(name, s.headers[i].lower) {
			return true
		}
	}
	return false
}

// sameTLS is whether both lead to the same handshakes.
func sameTLS(a, b *balancer.TLSSettings) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Policy == b.Policy && a.Mutual == b.Mutual && bytes.Equal(a.TrustStore, b.TrustStore) &&
		slices.EqualFunc(a.Certificates, b.Certificates, func(x, y *tls.Certificate) bool {
			return slices.EqualFunc(x.Certificate, y.Certificate, bytes.Equal)
		})
}
