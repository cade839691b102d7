package balancer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
)

// TestPoliciesDecideWhatIsSpoken connects with each version of TLS under each policy.
func TestPoliciesDecideWhatIsSpoken(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
	for _, p := range Policies {
		for name, version := range versions {
			want := false
			for _, v := range p.Versions {
				want = want || v == name
			}
			// Of the ciphers below TLS 1.2, only the old ones with forward secrecy can be had by an ECDSA key.
			if got := shakes(t, p, certificate, version); got != want {
				t.Errorf("%s: %s is spoken: %v, want %v", p.Name, name, got, want)
			}
		}
	}
}

// shakes tells whether a server of the policy and a client of one version understand each other.
func shakes(t *testing.T, p Policy, certificate tls.Certificate, version uint16) bool {
	t.Helper()
	serves := &tls.Config{Certificates: []tls.Certificate{certificate}}
	p.Apply(serves)
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	done := make(chan error, 1)
	go func() {
		done <- tls.Server(there, serves).HandshakeContext(t.Context())
		there.Close()
	}()
	client := tls.Client(here, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
	err := client.HandshakeContext(t.Context())
	here.Close()
	return err == nil && <-done == nil
}

func TestPolicyOf(t *testing.T) {
	if _, ok := PolicyOf(DefaultPolicy); !ok {
		t.Error("the default policy is not there")
	}
	if _, ok := PolicyOf("ELBSecurityPolicy-2015-05"); ok {
		t.Error("there is a policy that is not")
	}
}
