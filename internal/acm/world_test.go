package acm_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/smithy-go"

	api "github.com/berth-dev/berth/api/acm"
	"github.com/berth-dev/berth/internal/acm"
	"github.com/berth-dev/berth/internal/secrets/seal"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// world is the service behind a real wire server, called by AWS's own SDK.
type world struct {
	*testing.T
	*acm.Service
	sdk    *sdk.Client
	db     *store.DB
	scope  store.Scope
	url    string
	offset atomic.Int64 // how far the service's clock is ahead

	mu    sync.Mutex
	inUse map[string][]string
}

func (w *world) InUseBy(_ store.Scope, arn string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inUse[arn]
}

func (w *world) Used(_ *store.Tx, scope store.Scope, arn string) bool {
	return len(w.InUseBy(scope, arn)) > 0
}

// use has a load balancer take a certificate.
func (w *world) use(arn string, by ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inUse[arn] = by
}

// keys are the access keys: each one is an account. That of a task begins with "task".
type keys struct{}

func (keys) Lookup(_ context.Context, key, _ string, _ *http.Request) (wire.Credential, error) {
	caller := wire.Caller{Account: key, AccessKeyID: key, ARN: "arn:aws:iam::" + key + ":root", Kind: wire.Root}
	if account, ok := strings.CutPrefix(key, "task"); ok {
		caller = wire.Caller{Account: account, AccessKeyID: key, ARN: "arn:aws:sts::" + account + ":assumed-role/app/1", Kind: wire.Task, TaskARN: "arn:aws:ecs:eu-west-1:" + account + ":task/default/1"}
	}
	return wire.Credential{Secret: key, Caller: caller}, nil
}

const account = "123456789012"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, inUse: map[string][]string{}, scope: store.Scope{Account: account, Region: "eu-west-1"}, db: store.Memory()}
	w.Service = acm.New(w.db, acm.Config{Key: seal.Draw(), Users: w, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }})
	if err := w.db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := wire.New(wire.Config{Credentials: keys{}, Log: slog.New(slog.DiscardHandler)})
	w.Register(server.Service(&api.API))
	listener := httptest.NewServer(server)
	t.Cleanup(func() {
		listener.Close()
		w.db.Close()
	})
	w.url = listener.URL
	w.sdk = w.of(account)
	return w
}

// of is the client of an access key.
func (w *world) of(key string) *sdk.Client {
	return sdk.New(sdk.Options{Region: "eu-west-1", BaseEndpoint: &w.url, Credentials: credentials.NewStaticCredentialsProvider(key, key, ""), RetryMaxAttempts: 1})
}

// pass lets days go by on the service's clock.
func (w *world) pass(days int) { w.offset.Add(int64(time.Duration(days) * 24 * time.Hour)) }

// pool is what trusts the authority.
func (w *world) pool() *x509.CertPool {
	w.Helper()
	root, err := w.Root()
	if err != nil {
		w.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return pool
}

// refused fails the test unless err has that code and its message contains text.
func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	var answered smithy.APIError
	if !errors.As(err, &answered) || answered.ErrorCode() != code || !strings.Contains(answered.ErrorMessage(), text) {
		t.Errorf("got %v, want %s: %s", err, code, text)
	}
}

// must is a value that must be there.
func must[T any](value T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// made is a certificate that a test makes, with its key.
type made struct {
	*x509.Certificate
	key crypto.Signer
}

// draw makes a certificate as change has it, signed by above, or by itself.
func draw(t *testing.T, key crypto.Signer, above *made, change func(*x509.Certificate)) *made {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: "www.example.com"}, DNSNames: []string{"www.example.com", "example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature}
	change(template)
	parent, signer := template, key
	if above != nil {
		parent, signer = above.Certificate, above.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return &made{must(x509.ParseCertificate(der))(t), key}
}

func ecKey(t *testing.T) crypto.Signer {
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
}

func rsaKey(t *testing.T, bits int) crypto.Signer {
	return must(rsa.GenerateKey(rand.Reader, bits))(t)
}

func asIs(*x509.Certificate) {}

func authority(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject, c.DNSNames, c.IsCA, c.KeyUsage = pkix.Name{CommonName: name}, nil, true, x509.KeyUsageCertSign
	}
}

func pemOf(list ...*made) (text []byte) {
	for _, c := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

func keyPEM(t *testing.T, key crypto.Signer) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))(t)})
}
