package logdriver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Address is where a backend listens. Network is as net.Dial has it: "udp", "tcp", "unix", "unixgram".
type Address struct {
	Network, Host string // of a socket in the file system Host is its path
	TLS           *tls.Config
}

// dialTimeout bounds the attempt to connect.
const dialTimeout = 10 * time.Second

// Dial connects.
func (a Address) Dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if a.Network == "unix" || a.Network == "unixgram" {
		return a.dialPath(ctx)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, a.Network, a.Host)
	if err != nil || a.TLS == nil {
		return conn, err
	}
	config := a.TLS.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(a.Host)
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// longestPath is what fits into a socket's address.
const longestPath = 100

// dialPath connects to a socket in the file system. A path that is too long for an address is reached from its directory.
func (a Address) dialPath(ctx context.Context) (net.Conn, error) {
	path := a.Host
	if len(path) > longestPath {
		dir, err := os.Open(filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		defer dir.Close()
		path = "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(path)
	}
	return (&net.Dialer{}).DialContext(ctx, a.Network, path)
}

// TLSConfig trusts the authorities in a file, and shows the certificate in two others. Empty paths: the machine's authorities, and
// no certificate.
func TLSConfig(authorities, certificate, key string, skipVerify bool) (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: skipVerify}
	if authorities != "" {
		text, err := os.ReadFile(authorities)
		if err != nil {
			return nil, fmt.Errorf("could not read CA certificate: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("failed to append certificates from PEM file: %s", authorities)
		}
	}
	if certificate != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("could not load X509 key pair: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
