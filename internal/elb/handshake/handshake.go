// Package handshake makes the listeners' side of TLS of what a listener's settings say: which versions and ciphers its
// security policy allows, which certificate a client gets, and what is asked of the client's own. The listeners for HTTP
// (elb/proxy) and for streams (elb/stream) use it.
package handshake

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// The ways of TLSSettings.Mutual.
const (
	Passthrough = "passthrough" // whatever certificate the client has is told to the target
	Verify      = "verify"      // the client must have one that leads to the trust store
)

// Config is the configuration of a listener's side. Handshakes by it may run at any time, by many.
func Config(s *balancer.TLSSettings) (*tls.Config, error) {
	if s == nil || len(s.Certificates) == 0 {
		return nil, errors.New("TLS without a certificate")
	}
	policy, ok := balancer.PolicyOf(s.Policy)
	if !ok {
		if policy, ok = balancer.PolicyOf(balancer.DefaultPolicy); !ok || s.Policy != "" {
			return nil, fmt.Errorf("there is no security policy %s", s.Policy)
		}
	}
	config := &tls.Config{GetCertificate: certificates(s.Certificates).choose, NextProtos: s.ALPN}
	policy.Apply(config)
	switch s.Mutual {
	case Passthrough:
		config.ClientAuth = tls.RequestClientCert
	case Verify:
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(s.TrustStore) {
			return nil, errors.New("mutual TLS with a trust store that has no certificate")
		}
	}
	return config, nil
}

// certificates are a listener's, the default one first.
type certificates []*tls.Certificate

// choose takes the certificate that is for the server name and that the client can check: one with the very name before one
// with a wildcard, otherwise the default.
func (c certificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	var wildcard *tls.Certificate
	for _, certificate := range c {
		if hello.ServerName == "" || hello.SupportsCertificate(certificate) != nil {
			continue
		}
		if names(certificate, hello.ServerName) {
			return certificate, nil
		}
		if wildcard == nil {
			wildcard = certificate
		}
	}
	if wildcard != nil {
		return wildcard, nil
	}
	return c[0], nil
}

// names is whether a certificate has the name itself.
func names(certificate *tls.Certificate, name string) bool {
	leaf := certificate.Leaf
	if leaf == nil {
		var err error
		if leaf, err = x509.ParseCertificate(certificate.Certificate[0]); err != nil {
			return false
		}
	}
	for _, has := range leaf.DNSNames {
		if strings.EqualFold(has, name) {
			return true
		}
	}
	return false
}
