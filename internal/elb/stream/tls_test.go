package stream

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/elb/balancer"
)

// certificate is one for a name.
func certificate(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLSIsDecryptedBeforeTheTarget(t *testing.T) {
	plain := listen(t, echo)
	server, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*certificate(t, "inside")}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	for name, group := range map[string]*balancer.Group{
		"to a target that speaks plainly":     described(balancer.TCP, plain),
		"and encrypted again for a TLS group": described(balancer.TLS, addrPort(server.Addr())),
	} {
		t.Run(name, func(t *testing.T) {
			s := setUp(t, group, func(_ *Config, l *balancer.Listener) {
				l.Protocol, l.TLS = balancer.TLS, &balancer.TLSSettings{Certificates: []*tls.Certificate{certificate(t, "outside")}}
			})
			c := tls.Client(dial(t, "tcp", s.at), &tls.Config{InsecureSkipVerify: true})
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			if got := c.ConnectionState().PeerCertificates[0].DNSNames[0]; got != "outside" {
				t.Errorf("the client sees the certificate of %s", got)
			}
			io.WriteString(c, "secret")
			c.CloseWrite()
			if got := outcome(c); got != "secret" {
				t.Errorf("the client gets %q", got)
			}
		})
	}
}

func TestAClientThatDoesNotSpeakTLSIsReset(t *testing.T) {
	s := setUp(t, described(balancer.TCP, listen(t, echo)), func(_ *Config, l *balancer.Listener) {
		l.Protocol, l.TLS = balancer.TLS, &balancer.TLSSettings{Certificates: []*tls.Certificate{certificate(t, "outside")}}
	})
	c := dial(t, "tcp", s.at)
	io.WriteString(c, "GET / HTTP/1.1\r\n\r\n")
	io.Copy(io.Discard, c)
	if n := s.listener.Open(); n > 1 {
		t.Errorf("%d connections are open", n)
	}
}

func TestATruncatedAnswerDoesNotLookWholeByTLS(t *testing.T) {
	s := setUp(t, described(balancer.TCP, listen(t, func(c net.Conn) {
		io.WriteString(c, "half of the ans")
		c.Read(make([]byte, 1)) // until the client has it
		c.(*net.TCPConn).SetLinger(0)
	})), func(_ *Config, l *balancer.Listener) {
		l.Protocol, l.TLS = balancer.TLS, &balancer.TLSSettings{Certificates: []*tls.Certificate{certificate(t, "outside")}}
	})
	c := tls.Client(dial(t, "tcp", s.at), &tls.Config{InsecureSkipVerify: true})
	if _, err := io.ReadFull(c, make([]byte, 15)); err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "x")
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the client reads an orderly end: %v", err)
	}
}

func TestCertificatesOfNoUseChangeNothing(t *testing.T) {
	s := setUp(t, described(balancer.TCP, netip.MustParseAddrPort("127.0.0.1:1")), nil)
	before := s.listener.settings.Load()
	s.listener.config.TLS = func(*balancer.TLSSettings) (*tls.Config, error) { return nil, errors.New("no certificate") }
	if err := s.listener.Update(&balancer.Balancer{}, &balancer.Listener{Protocol: balancer.TLS}); err == nil || s.listener.settings.Load() != before {
		t.Errorf("it says %v, and changed %v", err, s.listener.settings.Load() != before)
	}
}
