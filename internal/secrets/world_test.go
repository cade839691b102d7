package secrets_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	managerapi "github.com/berth-dev/berth/api/secretsmanager"
	ssmapi "github.com/berth-dev/berth/api/ssm"
	"github.com/berth-dev/berth/internal/secrets"
	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// world is both services behind a real wire server, called by AWS's own SDKs.
type world struct {
	*testing.T
	*secrets.Service
	manager *secretsmanager.Client
	ssm     *ssm.Client
	url     string
	offset  atomic.Int64 // how far the services' clock is ahead
}

// keys are the access keys: each one is an account.
type keys struct{}

func (keys) Lookup(_ context.Context, key, _ string, _ *http.Request) (wire.Credential, error) {
	return wire.Credential{Secret: key, Caller: wire.Caller{Account: key, AccessKeyID: key, ARN: "arn:aws:iam::" + key + ":root", Kind: wire.Root}}, nil
}

const account = "123456789012"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t}
	db := store.Memory()
	w.Service = secrets.New(db, secrets.Config{Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }})
	if err := db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := wire.New(wire.Config{Credentials: keys{}, Log: slog.New(slog.DiscardHandler)})
	w.Manager.Register(server.Service(&managerapi.API))
	w.Parameters.Register(server.Service(&ssmapi.API))
	listener := httptest.NewServer(server)
	t.Cleanup(func() {
		listener.Close()
		db.Close()
	})
	w.url = listener.URL
	w.manager, w.ssm = w.of(account, "eu-west-1")
	return w
}

// of are the clients of another account or region.
func (w *world) of(account, region string) (*secretsmanager.Client, *ssm.Client) {
	creds := credentials.NewStaticCredentialsProvider(account, account, "")
	return secretsmanager.New(secretsmanager.Options{Region: region, BaseEndpoint: &w.url, Credentials: creds, RetryMaxAttempts: 1}),
		ssm.New(ssm.Options{Region: region, BaseEndpoint: &w.url, Credentials: creds, RetryMaxAttempts: 1})
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

func text(p *string) string { return aws.ToString(p) }
